"""Processes as their parent sees them: workers that answer requests, commands run to the end, CPUs and environment."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, Protocol

from bench.errors import DensebenchError
from bench.files import ROOT
from bench.formats import format_duration

ANSWER_TIMEOUT_S = 600.0
LAST_LINES = 3
"""Of what a process that failed has written: what an error quotes."""

NOT_INHERITED = ("PYTHONDONTWRITEBYTECODE", "PYTHONHOME", "PYTHONPATH", "VIRTUAL_ENV")
"""The first one would make each start compile all of TensorFlow anew; the others belong to this interpreter."""


class WorkerError(Exception):
    """A worker that ended or timed out; it answers no further requests."""


class Asked(Protocol):
    """Whatever answers requests as a `Worker` does: what measures takes any, and tests give it one of their own."""

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to a request. Raises WorkerError."""


class Process(Asked, Protocol):
    """One that can be ended as well."""

    def close(self) -> None:
        """End the process."""


class Worker:
    """A worker process that answers one JSON line per request.

    Args:
        command: the command line; no shell reads it.
        timeout_s: longest time for one answer.
        environment: its environment variables; this process's where not given.
        inherited: file descriptors that it keeps open.
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        timeout_s: float = ANSWER_TIMEOUT_S,
        environment: Mapping[str, str] | None = None,
        inherited: Collection[int] = (),
    ) -> None:
        self._timeout_s = timeout_s
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115  lives as long as the process
        try:
            self._process = subprocess.Popen(
                command,
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._errors,
                env=environment,
                pass_fds=tuple(inherited),
            )
        except OSError:
            self._errors.close()
            raise

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to a request.

        Raises:
            WorkerError: the process ended, or has not answered in time and was ended.
        """
        requests, answers = self._process.stdin, self._process.stdout
        if requests is None or answers is None:
            raise AssertionError("the worker was started without pipes")
        try:
            requests.write(json.dumps(request).encode() + b"\n")
            requests.flush()
        except OSError:
            raise WorkerError(self._end()) from None
        # One request, one line: nothing can lie in the reader's buffer while the pipe is empty.
        if not select.select([answers], [], [], self._timeout_s)[0]:
            self._process.kill()
            self._process.wait()
            raise WorkerError(f"the worker gave no answer within {format_duration(self._timeout_s)}")
        line = answers.readline()
        if not line:
            raise WorkerError(self._end())
        answer: dict[str, Any] = json.loads(line)
        return answer

    def errors(self) -> str:
        """The process's standard error as text."""
        self._errors.seek(0)
        return self._errors.read().decode(errors="replace").strip()

    def move(self, cpus: Collection[int]) -> None:
        """Pin all threads of the process to these CPUs, where the system supports it.

        Thread pools keep their size.
        """
        if not hasattr(os, "sched_setaffinity"):
            return
        for task in Path(f"/proc/{self._process.pid}/task").glob("*"):
            with suppress(ProcessLookupError):  # a thread that has ended meanwhile
                os.sched_setaffinity(int(task.name), cpus)

    def pause(self) -> None:
        """Stop the process, with threads that would spin on, until `resume`."""
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let a paused process go on."""
        self._process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        """End the process."""
        self._process.kill()
        self._process.communicate()
        self._errors.close()

    def _end(self) -> str:
        status = self._process.wait()
        return f"the worker was killed by signal {-status}" if status < 0 else f"the worker ended with status {status}"


def run_to_end(  # noqa: PLR0913  what runs, and how its end is told
    command: Sequence[str],
    name: str,
    *,
    timeout_s: float,
    environment: Mapping[str, str] | None = None,
    fine: Collection[int] = (0,),
    merged: bool = False,
) -> str:
    """Run a process to its end; its standard output.

    Args:
        command: what to start, in the checkout; no shell reads it.
        name: what it is called in an error.
        timeout_s: after which it is ended.
        environment: its environment variables; this process's where not given.
        fine: the exit statuses that are no failure.
        merged: whether what it writes to standard error is returned as well, where it was written.

    Raises:
        DensebenchError: it is not installed, took too long, was killed or failed; with the last lines that it wrote.
    """
    try:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT if merged else subprocess.PIPE,
            text=True,
            timeout=timeout_s,
            check=False,
        )
    except FileNotFoundError as error:
        raise DensebenchError(f"{command[0]} is not installed ({error.strerror})") from error
    except subprocess.TimeoutExpired as error:
        raise DensebenchError(f"{name} did not end within {format_duration(timeout_s)}") from error
    if done.returncode not in fine:
        lines = [line.strip() for line in f"{done.stdout}\n{done.stderr or ''}".splitlines() if line.strip()]
        status = done.returncode
        how = f"was killed by signal {-status}" if status < 0 else f"ended with status {status}"
        raise DensebenchError(f"{name} {how}: {' / '.join(lines[-LAST_LINES:]) or 'it says nothing'}")
    return done.stdout


def own_cpus() -> list[int]:
    """Numbers of the CPUs that this process may use, sorted; empty where the system does not report them."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []


@contextmanager
def on_cpus(cpus: Collection[int]) -> Iterator[None]:
    """Pin this thread, and processes started in the block, to `cpus`; no change if `cpus` is empty."""
    if not cpus:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cpus)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def side_environment() -> dict[str, str]:
    """The environment variables for a measured process: this process's own without `NOT_INHERITED`."""
    return {name: value for name, value in os.environ.items() if name not in NOT_INHERITED}
