"""One runtime in a process of its own: how long until its first answer, whether it is right, and how fast it is then.

What its start costs counts from the moment at which the process was started, so nothing that the runtime does not need
is imported before its first answer.
"""

from __future__ import annotations

import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.host import worker_side
from bench.host.devices import Device, claim_device
from bench.host.machine import RESIDENT, process_memory

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.inference.runtimes.runtime import Answer

UNTIMED = 20
"""Calls per process and batch size before the timed ones."""
FEWEST = 20
"""Timings per process and batch size, however slow a runtime is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureRequest:
    """Request to measure one runtime on one model; sent as JSON.

    Attributes:
        runtime: a key of `bench.inference.runtimes.RUNTIMES`.
        path: the artifact.
        expected: an `.npz` of `images` (n, 784), the trained model's `probabilities` (n, 10) and `labels` (n,).
        timings: batch size to how many single calls are timed.
        budget_s: no more calls of a batch size are begun after so many seconds.
        started_ns: the monotonic clock, one for all processes of a Linux machine, when the worker was started.
    """

    runtime: str
    path: str
    expected: str
    threads: int
    timings: dict[str, int]
    budget_s: float
    started_ns: int

    def to_json(self) -> str:
        """The settings as the worker's one argument."""
        return json.dumps(asdict(self))


def work(settings: MeasureRequest, clock_ns: Callable[[], int] = time.monotonic_ns) -> dict[str, Any]:
    """Measure the runtime: cold start (`cold`), correctness (`certificate`), and `values_s` by batch size."""
    claim_device(Device("cpu", settings.threads))  # before NumPy loads BLAS
    from bench.inference.runtimes import RUNTIMES

    runtime = RUNTIMES[settings.runtime]
    marks_ns: list[int] = []
    answer = runtime.load(Path(settings.path), settings.threads, lambda: marks_ns.append(clock_ns()))
    marks_ns.append(clock_ns())
    first = _first_image()
    answer(first)
    marks_ns.append(clock_ns())
    cold = {**cold_start(settings.started_ns, marks_ns), "resident_bytes": process_memory(RESIDENT)}
    return {"cold": cold, **_serve(settings, answer, exact=runtime.exact)}


def cold_start(started_ns: int, marks_ns: list[int]) -> dict[str, float]:
    """The seconds until the first answer, and their parts.

    Args:
        started_ns: when the process was started.
        marks_ns: when the runtime was imported, when the model was loaded, and when the first answer was there.
    """
    names = ("import_s", "load_s", "first_s")
    ends = [started_ns, *marks_ns]
    parts = {name: (end - begin) / 1e9 for name, begin, end in zip(names, ends, ends[1:], strict=False)}
    return {"cold_s": (marks_ns[-1] - started_ns) / 1e9, **parts}


def _first_image() -> Any:
    """A grey image, made without reading anything."""
    import numpy as np  # every runtime has imported it by now

    return np.full((1, 784), 0.5, np.float32)


def _serve(settings: MeasureRequest, answer: Answer, *, exact: bool) -> dict[str, Any]:
    """The certificate and, where the answers are right, the timings."""
    from functools import partial

    import numpy as np

    from bench.host.timing import time_calls
    from bench.inference.onnx_session import make_batch
    from bench.inference.runtimes.certificate import examine

    with np.load(settings.expected) as arrays:
        images, probabilities, labels = (arrays[name] for name in ("images", "probabilities", "labels"))
    answers = np.concatenate([np.array(answer(images[i : i + 1000])) for i in range(0, len(images), 1000)])
    certificate = examine(probabilities, answers, labels, exact=exact).as_dict()
    if certificate["faults"]:
        return {"certificate": certificate, "values_s": {}}
    values_s = {
        size: time_calls(
            partial(answer, make_batch(images, int(size))),
            count,
            prime=UNTIMED,
            budget_s=settings.budget_s,
            fewest=FEWEST,
        )
        for size, count in settings.timings.items()
    }
    return {"certificate": certificate, "values_s": values_s}


if __name__ == "__main__":
    worker_side.answer(work, MeasureRequest)
