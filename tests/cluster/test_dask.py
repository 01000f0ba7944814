"""Releases through a real Dask scheduler with three workers, in which nothing is measured: killed, and gone on with."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from bench.cluster.plan import PLAN, Plan, Store
from bench.records.record import RunReader
from bench.records.schema.trials import TrialRecord

pytestmark = pytest.mark.slow
pytest.importorskip("distributed")
ROOT = Path(__file__).parents[2]
WORDS = ["releases", "--quick", "--simulate", "--releases", "2.15,2.16", "--seed", "5"]
WORKERS = 3
LONG_S = 120.0


@pytest.fixture
def variables(tmp_path: Path) -> dict[str, str]:
    """Environment variables of the cluster and of the driver."""
    own = {"DENSEBENCH_PYTHON": sys.executable, "DENSEBENCH_HOME": str(ROOT), "XDG_CACHE_HOME": str(tmp_path / "cache")}
    return {**os.environ, **own, "DENSEBENCH_SIMULATED_TURN_S": "0.004"}


@pytest.fixture
def address(variables: Mapping[str, str]) -> Iterator[str]:
    """That of a scheduler with workers."""
    command = [sys.executable, "-m", "tests.cluster.local_cluster", str(WORKERS)]
    with subprocess.Popen(
        command, cwd=ROOT, env=variables, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        yield process.stdout.readline().strip()
        process.terminate()
        process.communicate()


def start(results: Path, variables: Mapping[str, str], *words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "bench", *words, "--results", str(results)]
    return subprocess.Popen(
        command, cwd=ROOT, env=variables, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def finish(process: subprocess.Popen[str]) -> str:
    output, _ = process.communicate(timeout=LONG_S)
    assert process.returncode in {0, 1, 2}, output
    assert "Traceback" not in output, output
    return output


def plan_in(results: Path) -> tuple[Store, Plan]:
    (path,) = (results / "plans").glob(f"*/{PLAN}")
    return Store(path.parent), Store(path.parent).plan()


def turns(results: Path) -> dict[tuple[str, str, int], Any]:
    """What each round of each row measured, of all machines."""
    found = {}
    for path in (results / "raw").glob("*/simulated/*.json"):
        for record in RunReader().read(path).of(TrialRecord):
            for number, one in zip(record.rounds, record.turns, strict=True):
                key = (record.case, record.environment, number)
                assert key not in found, "a round was done once"
                found[key] = one
    return found


def test_through_dask_the_tasks_and_rounds_are_those_of_here(
    address: str, variables: Mapping[str, str], tmp_path: Path
) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    finish(start(here, variables, *WORDS))
    output = finish(start(there, variables, *WORDS, "--on", f"dask:{address}"))
    assert plan_in(there)[1].tasks == plan_in(here)[1].tasks
    assert len(turns(there)) > 0, output
    assert turns(there) == turns(here)
    store, plan = plan_in(there)
    assert len({done.answer.facts.node for _, done in store.all_done(plan)}) > 1
    assert "On several machines" in output
    assert not list(there.glob("raw/*/releases/*.json")), "what is simulated enters no table"


def test_a_worker_and_then_the_driver_are_killed_and_each_task_is_done_once(
    address: str, variables: Mapping[str, str], tmp_path: Path
) -> None:
    import distributed

    results = tmp_path / "results"
    words = [*WORDS[:1], *WORDS[2:], "--cases", "train[deep_mlp,trainer=*]", "--on", f"dask:{address}"]  # four tasks
    driver = start(results, {**variables, "DENSEBENCH_SIMULATED_TURN_S": "0.02"}, *words)
    client: Any = distributed.Client(address, set_as_default=False)
    pids = client.run(os.getpid)
    _wait(lambda: any(client.processing().values()), "tasks run")
    time.sleep(2)
    busy = next(worker for worker, tasks in client.processing().items() if tasks)
    os.kill(pids[busy], signal.SIGKILL)
    _wait(lambda: bool(list(results.glob("plans/*/????????????????.json"))), "a task is done")
    driver.kill()
    driver.communicate()
    client.close()
    store, plan = plan_in(results)
    before = sum(store.done(task) is not None for task in plan.tasks)
    assert 0 < before < len(plan.tasks)
    assert max(map(len, store.attempts().values())) > 1, "the task of the killed worker was handed out again"
    finish(start(results, variables, *words, "--resume", str(store.folder)))
    answers = [done for _, done in store.all_done(plan)]
    assert len(answers) == len(plan.tasks)
    assert max(done.attempt for done in answers) > 1
    rounds = sorted({number for _, _, number in turns(results)})
    assert rounds == list(range(16))
    for done in answers:
        (file,) = done.answer.files
        stored = json.loads(file.text)["benchmarks"]
        assert {len(one["extra_info"]["rounds"]) for one in stored} == {4}, "no round is split off its task"
    _assert_apart([(done.answer.facts.node, done.answer.started, done.answer.ended) for done in answers])


def _assert_apart(spans: list[tuple[str, float, float]]) -> None:
    for node, began, ended in spans:
        for other, start_s, end_s in spans:
            assert node != other or (began, ended) == (start_s, end_s) or ended <= start_s or end_s <= began


def _wait(until: Any, what: str) -> None:
    end_s = time.monotonic() + LONG_S
    while not until():
        assert time.monotonic() < end_s, f"waited for: {what}"
        time.sleep(0.2)


def test_the_doctor_tells_of_every_worker(address: str, variables: Mapping[str, str], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "bench", "doctor", "--on", f"dask:{address}"]
    done = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, timeout=LONG_S, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("fit to measure") == WORKERS
    assert f"{WORKERS} nodes, 1 machines" in done.stdout
    refused = start(tmp_path, variables, "duel", "a", "b", "--on", f"dask:{address}")
    assert "are one machine" in refused.communicate(timeout=LONG_S)[0]


def test_a_scheduler_that_is_not_there_is_one_line(variables: Mapping[str, str], tmp_path: Path) -> None:
    process = start(tmp_path, variables, "duel", "a", "b", "--on", "dask:tcp://127.0.0.1:1")
    output, _ = process.communicate(timeout=LONG_S)
    assert process.returncode == 4
    assert "no scheduler answers there" in output
    assert "Traceback" not in output
