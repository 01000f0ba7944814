"""One runtime in a process of its own: how long until its first answer, whether it is right, and how fast it is then.

What its start costs counts from the moment at which the process was started, so nothing that the runtime does not need
is imported before its first answer.
"""

from __future__ import annotations

import json
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import Unavailable, one_line
from bench.host import worker_side
from bench.host.devices import Device, claim_device
from bench.host.machine import RESIDENT, process_memory

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bench.host.visited import VisitedCalls
    from bench.inference.runtimes.runtime import Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasureRequest:
    """Request to measure one runtime on one model; sent as JSON.

    Attributes:
        runtime: a key of `bench.inference.runtimes.RUNTIMES`.
        path: the artifact.
        expected: an `.npz` of `images` (n, 784), `labels` (n,), and the fields of `bench.trained.Expected`; of a user's
            model, of `bench.inference.own_models.answers.Answers`.
        rows: name of each row whose calls are to be visited, and its batch size.
        inputs: a graph beside which lies what is made up for a user's model; empty for the ladder.
        started_ns: the monotonic clock, one for all processes of a Linux machine, when the worker was started.
    """

    runtime: str
    path: str
    expected: str
    threads: int
    rows: dict[str, int]
    started_ns: int
    inputs: str = ""

    def to_json(self) -> str:
        """The settings as the worker's one argument."""
        return json.dumps(asdict(self))


def start(settings: MeasureRequest, clock_ns: Callable[[], int] = time.monotonic_ns) -> tuple[dict[str, Any], Answer]:
    """Start the runtime: how long each part took until its first answer (`cold_start`), and what answers."""
    claim_device(Device("cpu", settings.threads))  # before NumPy loads BLAS
    from bench.inference.runtimes import RUNTIMES

    runtime = RUNTIMES[settings.runtime]
    marks_ns: list[int] = []
    try:
        answer = runtime.load(Path(settings.path), settings.threads, lambda: marks_ns.append(clock_ns()))
        marks_ns.append(clock_ns())
        answer(*_first_inputs(settings))
        marks_ns.append(clock_ns())
    except Exception as error:
        if not settings.inputs or isinstance(error, Unavailable):
            raise
        # A runtime need not take every model of a user's.
        raise Unavailable(f"it does not take it: {one_line(error)}") from None
    return {**cold_start(settings.started_ns, marks_ns), "resident_bytes": process_memory(RESIDENT)}, answer


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


def _first_inputs(settings: MeasureRequest) -> list[Any]:
    """A grey image, made without reading anything; of a user's model, what is made up for one call."""
    import numpy as np  # every runtime has imported it by now

    return _made_up(settings, min(settings.rows.values())) if settings.inputs else [np.full((1, 784), 0.5, np.float32)]


def _made_up(settings: MeasureRequest, size: int) -> list[Any]:
    from bench.inference.own_models.inputs import MADE_UP_SEED, random_inputs
    from bench.inference.own_models.survey import read_inputs

    return random_inputs(read_inputs(Path(settings.inputs)), size, MADE_UP_SEED)


def prepare_calls(settings: MeasureRequest, answer: Answer) -> tuple[dict[str, Any], VisitedCalls]:
    """The certificate and, where the answers are right, what a warm call of each row takes; and these calls."""
    if settings.inputs:
        return _prepare_own(settings, answer)
    from functools import partial

    import numpy as np

    from bench.host.visited import VisitedCalls
    from bench.inference.onnx_session import make_batch
    from bench.inference.runtimes import RUNTIMES
    from bench.inference.runtimes.certificate import examine
    from bench.trained import Expected

    with np.load(settings.expected) as arrays:
        images, labels = arrays["images"], arrays["labels"]
        expected = Expected(arrays["answers"], arrays["exact"], float(arrays["rounding"]))
    answers = np.concatenate([np.array(answer(images[i : i + 1000])) for i in range(0, len(images), 1000)])
    exact = RUNTIMES[settings.runtime].exact
    certificate = examine(expected, answers, labels, exact=exact).as_dict()
    visited, rows = VisitedCalls(), {} if certificate["faults"] else settings.rows
    told = {
        name: {"call_s": visited.add(name, partial(answer, make_batch(images, size)))} for name, size in rows.items()
    }
    return {"certificate": certificate, "rows": told}, visited


def _prepare_own(settings: MeasureRequest, answer: Answer) -> tuple[dict[str, Any], VisitedCalls]:
    """The same for a user's model."""
    from functools import partial

    from bench.host.visited import VisitedCalls
    from bench.inference.own_models.answers import Answers, compare

    expected = Answers.load(Path(settings.expected))
    shape = expected.own[0].shape
    got = answer(*_made_up(settings, shape[0] if shape else 1))
    certificate = compare(got if isinstance(got, list) else [got], expected)
    visited, rows = VisitedCalls(), {} if certificate["faults"] else settings.rows
    told = {
        name: {"call_s": visited.add(name, partial(answer, *_made_up(settings, size)))} for name, size in rows.items()
    }
    return {"certificate": {**certificate, "exact": True}, "rows": told}, visited


def main() -> None:
    """Start the runtime at once; then tell of it, and serve its calls, on standard input and output."""
    settings, send = worker_side.read_request(MeasureRequest), worker_side.open_answers()
    worker_side.end_with_parent()
    made: dict[str, Any] = {}

    def start_it() -> dict[str, Any]:
        cold, made["answer"] = start(settings)
        return cold

    cold = worker_side.attempt(start_it)

    def tell() -> dict[str, Any]:
        if "answer" not in made:
            return dict(cold)
        told, made["visited"] = prepare_calls(settings, made["answer"])
        return {"cold": cold, **told}

    def visit(row: str, calls: int) -> Mapping[str, Any]:
        return made["visited"].visit(row, calls)  # type: ignore[no-any-return]  # it imports NumPy, too soon to name

    worker_side.serve({"tell": tell, "visit": visit}, sys.stdin, send)


if __name__ == "__main__":
    main()
