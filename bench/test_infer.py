"""Latency of the exported models in ONNX Runtime: each timed round is one single call.

Each timed session first predicts the whole test set; a session that fails the parity check is not timed.
"""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, Any

from bench.errors import InvalidRow
from bench.formats import format_duration
from bench.inference import onnx_session
from bench.inference.export import OPSET, PRECISIONS
from bench.inference.parity import certify
from bench.records.schema import InferRecord

if TYPE_CHECKING:
    from bench.commands.suite.model_store import ModelStore
    from bench.commands.suite.recorder import Recorder
    from bench.inference.export import Exported
    from models import Recipe


def test_infer(  # noqa: PLR0913, PLR0917  pytest passes fixtures by name
    benchmark: Any,
    recipe: Recipe,
    batch_size: int,
    threads: int,
    model_store: ModelStore,
    recorder: Recorder,
    case: str,
) -> None:
    """Time single calls of one batch size with one thread count."""
    timings = (onnx_session.QUICK_TIMINGS if model_store.quick else onnx_session.TIMINGS)[batch_size]
    with recorder.measuring(
        benchmark, InferRecord, case, recipe=recipe.name, batch_size=batch_size, threads=threads
    ) as fields:
        exported = model_store.exported(recipe)
        fields.update(export_info(exported))
        recorder.keep_file(f"{recipe.name}.onnx", exported.onnx.content)
        with onnx_session.open_session(exported.onnx, model_store.device, threads=threads) as session:
            certificate = certify(exported.probabilities, onnx_session.run_in_batches(session, model_store.test_images))
            fields["parity"] = certificate.as_dict()
            fields["providers"] = session.get_providers()
            fields["nodes"] = onnx_session.nodes_by_provider(
                exported.onnx, model_store.device, model_store.test_images[:1]
            )
            if faults := [*certificate.faults, *onnx_session.device_faults(fields["nodes"], model_store.device)]:
                raise InvalidRow([f"{case}: {fault}" for fault in faults])
            call = onnx_session.primed_call(session, onnx_session.make_batch(model_store.test_images, batch_size))
            benchmark.pedantic(call, rounds=timings, iterations=1)
    if not benchmark.disabled:
        recorder.conclude(case, f"p50 {format_duration(statistics.median(benchmark.stats.stats.data))}")


def export_info(exported: Exported) -> dict[str, Any]:
    """The fields that all latency rows of a model share."""
    return {
        "runtime": "onnxruntime",
        "backend": exported.trained.backend,
        "framework": exported.trained.recipe.framework,
        "seed": exported.trained.seed,
        "test_accuracy": exported.test_accuracy,
        "parameters": exported.trained.parameters,
        "onnx_bytes": len(exported.onnx.content),
        "onnx_sha256": exported.onnx.sha256,
        "operators": list(exported.onnx.operators),
        "opset": OPSET,
        "precision": PRECISIONS[exported.trained.recipe.framework],
        "spinning": onnx_session.SPINNING,
        "prime_calls": onnx_session.PRIME_CALLS,
    }
