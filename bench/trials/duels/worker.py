"""A worker of a duel: one process of one side for one case, one JSON line per request and per answer.

It prepares as soon as it is started, so that both sides of a block prepare at the same time; after that it works only
while a request is open.
"""

from __future__ import annotations

import gc
import json
import sys
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.data.datasets import load_dataset
from bench.host.devices import Device, claim_device
from bench.host.interference import interference, take_snapshot
from bench.host.machine import package_versions
from bench.host.worker_side import Answer, Send, failure, open_answers, read_request, serve
from bench.records.cases import Case
from bench.records.injection import parse_injection
from bench.trials.duels.work import Work, export_model, prepare_inference, prepare_training

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a worker is started for; it crosses the process boundary as JSON.

    Attributes:
        case: the fields of a `bench.records.duels.Case`.
        threads: how many CPU threads the whole process may use.
        seed: of its training.
        epochs: passes over the images per training turn.
        folder: where this side's exported models are.
        scout: whether it is the first of its side and case: it exports, and tells what it runs on.
        plant: as `parse_plant` takes it.
    """

    case: dict[str, Any]
    dataset: str
    data_dir: str | None
    threads: int
    seed: int
    epochs: int
    folder: str
    scout: bool = False
    injection: str | None = None

    def to_json(self) -> str:
        """The settings as the worker's one argument."""
        return json.dumps(asdict(self))


@contextmanager
def prepared(settings: Settings) -> Iterator[tuple[Work, dict[str, Any]]]:
    """The work that the settings ask for, and the answer to "prepare"."""
    case, injection, folder = Case(**settings.case), parse_injection(settings.injection), Path(settings.folder)
    claim_device(Device("cpu", settings.threads))
    dataset = load_dataset(settings.dataset, Path(settings.data_dir) if settings.data_dir else None)
    facts: dict[str, Any] = {"packages": package_versions()} if settings.scout else {}
    if case.stage == "train":
        work = prepare_training(case, dataset, seed=settings.seed, epochs=settings.epochs, injection=injection)
        yield work, {**facts, **work.facts, "test_accuracy": work.test_accuracy}
        return
    if settings.scout and not (folder / f"{case.recipe}.npy").exists():
        export_model(case, dataset, folder, settings.seed)
    with prepare_inference(case, dataset, folder, injection) as work:
        yield work, {**facts, **work.facts, "test_accuracy": None}


def serve_turns(settings: Settings, requests: Iterable[str], send: Send) -> None:
    """Prepare, then answer each request until there are no more; what fails is answered with its reason."""
    with ExitStack() as open_work:
        actions = _actions(settings, open_work)
        gc.collect()
        gc.freeze()  # what is there now stays: going through it before each turn would take most of the time
        serve(actions, requests, send)


def _actions(settings: Settings, open_work: ExitStack) -> dict[str, Callable[[], Answer]]:
    """The answers to "prepare" and "turn", which are the same where the preparation failed."""
    try:
        work, told = open_work.enter_context(prepared(settings))
    except Exception as error:  # noqa: BLE001  whatever a framework raises is this side's fault, not the duel's
        trouble = failure(error)
        return {"prepare": lambda: trouble, "turn": lambda: trouble}
    return {"prepare": lambda: told, "turn": partial(_turn, work)}


def _turn(work: Work) -> Answer:
    before = take_snapshot()
    value_s = work.turn()
    return {"value_s": value_s, "contamination": interference(before, take_snapshot())}


def main() -> None:
    """Serve on standard input and output."""
    serve_turns(read_request(Settings), sys.stdin, open_answers())


if __name__ == "__main__":
    main()
