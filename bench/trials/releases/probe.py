"""What a release costs whoever starts it: one fresh process that imports, trains an epoch and answers.

`bench.commands.releases` runs it with each release's own Python, several times in turn with the other releases; each
process is one run file, hence one sample. Until TensorFlow is there, nothing is imported that it would import, too.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.host.devices import claim_device, parse_device, start_tensorflow
from bench.host.machine import PEAK, process_memory
from bench.host.timing import time_calls
from bench.host.worker_side import end_with_parent, read_request
from bench.records.cases import case_name

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.data.datasets import Dataset

PROBE = "probe"
"""What stands where a run of the main job has its trainer."""
RECIPE = "deep_mlp"
CALLS = {1: 300, 1000: 100}
"""Timings of a direct call of the model, by batch size."""
PREDICTS = {1: 60, 1000: 30}
"""Timings of Keras's `predict`, which takes a hundred times as long as such a call."""
FEW_UNTIMED = 10
"""Calls before the timed ones: few, for the same reason."""
QUICK_IMAGES = 6_400
CLOCK_DIGITS = 9  # time.perf_counter ticks in nanoseconds


@dataclass(frozen=True, slots=True, kw_only=True)
class ProbeRequest:
    """What one probe is started for; it crosses the process boundary as JSON.

    Attributes:
        path: the run file that it writes.
        command: what a reader types to do the same.
        device: as `parse_device` takes it.
        quick: train on a part of the images only.
    """

    path: str
    command: str
    dataset: str
    data_dir: str | None
    device: str
    quick: bool

    def to_json(self) -> str:
        """The request as the probe's one argument."""
        return json.dumps(asdict(self))


def probe(asked: ProbeRequest, clock: Callable[[], float] = time.perf_counter) -> dict[str, Any]:
    """The content of the run file of this process.

    Raises:
        DensebenchError: the device, TensorFlow or the data cannot be had.
    """
    device = parse_device(asked.device)
    claim_device(device)
    began_s = clock()
    tf = start_tensorflow(device)
    tf.keras.Sequential  # noqa: B018  releases that load Keras late load it now
    import_s = clock() - began_s

    from datetime import datetime, timezone  # after TensorFlow, like all that follows

    from bench.data.datasets import load_dataset
    from bench.host.metadata import collect_metadata

    started_at = datetime.now(timezone.utc)
    dataset = load_dataset(asked.dataset, Path(asked.data_dir) if asked.data_dir else None)
    shared = {
        "dataset": dataset.name,
        "dataset_sha256": dataset.sha256,
        "device": device.name,
        "threads": device.threads,
        "quick": asked.quick,
    }
    rows = [
        _row(case_name("import", "tensorflow"), "import", [import_s], recipe="tensorflow", batch_size=1, **shared),
        *measure(dataset, shared, quick=asked.quick, clock=clock),
    ]
    metadata = collect_metadata(
        device,
        started_at,
        command=asked.command,
        dataset=dataset.name,
        dataset_sha256=dataset.sha256,
        dataset_source=dataset.source,
        trainer=PROBE,
        quick=asked.quick,
        complete=True,
        cases_planned=[row["name"] for row in rows],
        invalid=[row["extra_info"] | {"values_s": row["stats"]["data"]} for row in rows if row["extra_info"]["faults"]],
    )
    return {"benchmarks": [row for row in rows if not row["extra_info"]["faults"]], "densebench": metadata}


def measure(
    dataset: Dataset, shared: dict[str, Any], *, quick: bool, clock: Callable[[], float] = time.perf_counter
) -> list[dict[str, Any]]:
    """A row for an epoch of Keras's `fit` with the peak memory until then, and rows for calls and predictions."""
    import numpy as np  # TensorFlow imports it, so only now

    from bench.data.splits import make_split, scale
    from bench.inference.onnx_session import make_batch
    from bench.training.keras_fit import targets
    from bench.training.keras_model import build_model
    from models import RECIPES
    from models.recipe import QUICK_FLOOR

    recipe = RECIPES[RECIPE]
    training = recipe.training
    split = make_split(dataset, training)
    images, labels = split.train_images, targets(split.train_labels, training.loss)
    if quick:
        images, labels = images[:QUICK_IMAGES], labels[:QUICK_IMAGES]
    model = build_model(recipe, training, 0)
    began_s = clock()
    model.fit(images, labels, batch_size=training.batch_size, epochs=1, verbose=0)
    fit_s = clock() - began_s
    peak_bytes = process_memory(PEAK)
    test_images = scale(dataset.test_images)
    scores = np.asarray(model(test_images, training=False))
    accuracy = float(np.mean(scores.argmax(axis=1) == dataset.test_labels))
    faults = [] if accuracy >= QUICK_FLOOR else [f"test accuracy {accuracy:.4f} is below the floor of {QUICK_FLOOR}"]
    extra_info = {**shared, "recipe": recipe.name, "parameters": model.count_params(), "faults": faults}
    rows = [
        _row(
            case_name("process", recipe.name),
            "process",
            [fit_s],
            **{**extra_info, "batch_size": training.batch_size, "train_images": len(images), "peak_bytes": peak_bytes},
        )
    ]
    for name, calls, call in (
        ("call", CALLS, lambda batch: np.asarray(model(batch, training=False))),
        ("predict", PREDICTS, lambda batch: model.predict(batch, batch_size=len(batch), verbose=0)),
    ):
        for size, count in calls.items():
            batch = make_batch(test_images, size)
            values_s = time_calls(partial(call, batch), count, prime=FEW_UNTIMED, clock=clock)
            case = case_name(name, recipe.name, batch=size)
            rows.append(_row(case, "tensorflow", values_s, **{**extra_info, "batch_size": size}))
    return rows


def _row(case: str, stage: str, values_s: Sequence[float], **extra_info: Any) -> dict[str, Any]:
    """A row as `bench.records.schema` has it; that module needs a package that a release's environment lacks."""
    faults = extra_info.setdefault("faults", [])
    own = {**extra_info, "case": case, "stage": stage, "status": "invalid" if faults else "valid"}
    return {"name": case, "extra_info": own, "stats": {"data": [round(value_s, CLOCK_DIGITS) for value_s in values_s]}}


def main() -> None:
    """Probe, and write the run file."""
    end_with_parent()
    asked = read_request(ProbeRequest)
    content = probe(asked)
    from bench.files import write_atomically

    write_atomically(Path(asked.path), json.dumps(content, allow_nan=False).encode())


if __name__ == "__main__":
    main()
