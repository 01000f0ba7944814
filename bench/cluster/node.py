"""The node's side: one request on standard input, one answer on standard output. An engine starts it as a process.

A machine runs one task at a time, whoever sends it: a second one waits. What a task came to is kept until it is a week
old, so that it is not done twice where its driver was killed meanwhile.
"""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec
import platformdirs

from bench.cluster.tasks import Answer, NodeFacts, Request, RunFile, Task
from bench.errors import ALARM, FINE, UNTOLD, DensebenchError
from bench.files import ROOT, write_atomically
from bench.host.machine import describe_machine, machine_name
from bench.host.metadata import current_commit
from bench.host.node import boot_identity, node_identity
from bench.host.process import own_cpus, side_environment
from bench.host.worker_side import end_with_parent

TASK = "DENSEBENCH_TASK"
"""Environment variable of a command that is a task's: it measures here, whatever it is told of other machines."""
LAST_CHARACTERS = 60_000
"""Of what a command prints: what is sent."""
KEPT_S = 7 * 24 * 3600.0
ENDED_WELL = {FINE, ALARM, UNTOLD}


def main() -> None:
    """Answer one request."""
    end_with_parent()
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    request = msgspec.json.decode(sys.stdin.buffer.read(), type=Request)
    answers.write(msgspec.json.encode(answer(request)))
    answers.close()


def answer(request: Request, folder: Path | None = None) -> Answer:
    """What a request came to.

    Args:
        request: names a task, or nothing.
        folder: where answers are kept; the user's cache unless given.
    """
    store = (folder or Path(platformdirs.user_cache_dir("densebench")) / "tasks") / request.name
    store.mkdir(parents=True, exist_ok=True)
    forget_old(store)
    facts = describe(request, store)
    task = request.task
    if task is None:
        return Answer(facts=facts)
    if facts.faults and not request.simulated:
        return Answer(facts=facts, key=task.key, failed="; ".join(facts.faults))
    if facts.commit != task.commit:
        return Answer(
            facts=facts, key=task.key, failed=f"its checkout is at {facts.commit}, the plan's at {task.commit}"
        )
    path = store / f"{task.key}.json"
    try:
        with alone(store, task):
            if not path.exists():
                found = run(task, facts)
                write_atomically(path, msgspec.json.encode(found))
            return msgspec.json.decode(path.read_bytes(), type=Answer)
    except (DensebenchError, OSError) as error:
        return Answer(facts=facts, key=task.key, failed=str(error))


def run(task: Task, facts: NodeFacts) -> Answer:
    """Run a task's command to its end.

    Raises:
        DensebenchError: it took too long, or ended without a run file.
    """
    started = time.time()
    with tempfile.TemporaryDirectory() as results:
        name, *options = task.words
        command = [sys.executable, "-m", "bench", name, "--results", results, *options]
        environment = side_environment() | {TASK: task.key}
        try:
            done = subprocess.run(
                command, cwd=ROOT, env=environment, capture_output=True, timeout=task.limit_s, check=False, text=True
            )
        except subprocess.TimeoutExpired:
            raise DensebenchError(f"it did not end within {task.limit_s:.0f} s") from None
        paths = sorted(Path(results).glob("raw/*/**/*.json"))
        files = [
            RunFile(str(Path(*one.parts[len(Path(results).parts) + 2 : -1])), one.name, one.read_text())
            for one in paths
        ]
    if done.returncode not in ENDED_WELL or not files:
        lines = [line for line in f"{done.stdout}\n{done.stderr}".splitlines() if line.strip()]
        raise DensebenchError(
            f"it ended with status {done.returncode}: {lines[-1] if lines else 'it says nothing'}"[:300]
        )
    return Answer(
        facts=facts,
        key=task.key,
        status=done.returncode,
        output=done.stdout[-LAST_CHARACTERS:],
        files=tuple(files),
        started=started,
        ended=time.time(),
    )


@contextmanager
def alone(store: Path, task: Task) -> Iterator[None]:
    """Wait until no other task runs on this machine, and hold it; the key of what runs stands in the lock's file.

    Raises:
        DensebenchError: another one still runs after this task's own limit.
    """
    handle = os.open(store / "running", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        end_s = time.monotonic() + task.limit_s
        while True:
            with suppress(BlockingIOError):
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            if time.monotonic() > end_s:
                raise DensebenchError("another task runs on this machine")
            time.sleep(0.1)
        os.ftruncate(handle, 0)
        os.pwrite(handle, task.key.encode(), 0)
        yield
    finally:
        os.close(handle)


def running(store: Path) -> str:
    """The key of the task that runs on this machine; empty where none does."""
    try:
        handle = os.open(store / "running", os.O_RDWR)
    except OSError:
        return ""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return os.read(handle, 64).decode(errors="replace")
    else:
        return ""
    finally:
        os.close(handle)


def describe(request: Request, store: Path) -> NodeFacts:
    """What this machine is, and why nothing should be measured on it."""
    machine, cpus = describe_machine(), own_cpus()
    faults = []
    if (nice := os.nice(0)) > 0:
        faults.append(f"it works at low priority (nice {nice}): the engine's workers must not")
    if cpus and len(cpus) < (os.cpu_count() or 1):
        faults.append(f"it may use {len(cpus)} of {os.cpu_count()} CPUs: its worker must have all")
    return NodeFacts(
        node=request.name if request.simulated else node_identity(),
        boot=boot_identity(),
        kind=machine_name(),
        cpus=machine["cpus"],
        commit=current_commit(),
        python=machine["python"],
        load=round(os.getloadavg()[0], 2),
        faults=tuple(faults),
        kept=tuple(sorted(path.stem for path in store.glob("*.json"))),
        running=running(store),
    )


def forget_old(store: Path) -> None:
    """Delete answers that nobody has asked for in a week."""
    for path in store.glob("*.json"):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime > KEPT_S:
                path.unlink()


if __name__ == "__main__":
    main()
