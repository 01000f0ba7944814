"""Latency of the exported models in ONNX Runtime: each timed round is one single call.

A model that fails the parity check, over the whole test set, is not timed. All others are visited in turns, by several
processes, as soon as the first row is due; pytest-benchmark is then shown each row's timings.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from bench.commands.suite.latency import Replay
from bench.errors import InvalidRow
from bench.formats import format_figure
from bench.inference import onnx_session
from bench.inference.export import OPSET, PRECISIONS
from bench.records.latency import median
from bench.records.schema.suite import InferRecord
from models import RECIPES

if TYPE_CHECKING:
    from bench.commands.suite.latency import Latencies
    from bench.commands.suite.model_store import ModelStore
    from bench.commands.suite.own_models import OwnModel
    from bench.commands.suite.recorder import Recorder
    from bench.inference.export import Exported


REPLAY = Replay()


@pytest.mark.benchmark(timer=REPLAY.clock)
def test_infer(  # noqa: PLR0913, PLR0917  pytest passes fixtures by name
    benchmark: Any,
    recipe_name: str,
    batch_size: int,
    threads: int,
    model_store: ModelStore,
    latencies: Latencies,
    recorder: Recorder,
    case: str,
) -> None:
    """Time single calls of one batch size with one thread count."""
    with recorder.measuring(
        benchmark, InferRecord, case, recipe=recipe_name, batch_size=batch_size, threads=threads
    ) as fields:
        if recipe_name in latencies.own.files:
            fields.update(own_info(latencies.own.get(recipe_name)))
        else:
            exported = model_store.exported(RECIPES[recipe_name])
            fields.update(export_info(exported))
            recorder.keep_file(f"{recipe_name}.onnx", exported.onnx.content)
        certified, faults = latencies.certified(recipe_name, threads)
        fields.update(certified)
        if faults:
            raise InvalidRow([f"{case}: {fault}" for fault in faults])
        if benchmark.disabled:
            benchmark.pedantic(latencies.certified, args=(recipe_name, threads))
            return
        visited = latencies.visit(case, tell=lambda text: recorder.say(case, text))
        REPLAY.load(values_s := visited.pop("values_s"))
        fields.update(visited)
        benchmark.pedantic(REPLAY.call, rounds=len(values_s), iterations=1)
    recorder.conclude(case, f"p50 {format_figure(median(recorder.records[-1]))}")


def own_info(own: OwnModel) -> dict[str, Any]:
    """The fields that all latency rows of one of the user's own models share."""
    return {
        "runtime": "onnxruntime",
        "framework": own.file.kind,
        "onnx_bytes": len(own.onnx.content),
        "onnx_sha256": own.onnx.sha256,
        "operators": list(own.onnx.operators),
        "spinning": onnx_session.SPINNING,
        "prime_calls": onnx_session.PRIME_CALLS,
    }


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
