"""A task: what one machine does in one go, as JSON in, and its run files as JSON out.

What must share a machine is one task: a whole duel, a block of rounds with the base and the control in each. Its key is
a digest of all that decides what is done, so that a task which was done is known again wherever it was done.
"""

from __future__ import annotations

import hashlib

import msgspec


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """A task.

    Attributes:
        words: of the command, as `python -m bench` takes them.
        number: its place in the plan.
        commit: of the checkout that planned it.
        limit_s: after which the machine gives it up.
        apart: whether it must run on a machine that no other task of the plan ran on.
        simulated: whether nothing is measured.
    """

    words: tuple[str, ...]
    number: int
    commit: str
    limit_s: float
    apart: bool = False
    simulated: bool = False

    @property
    def key(self) -> str:
        """The digest of all of it."""
        return hashlib.sha256(msgspec.json.encode(self)).hexdigest()[:16]


class NodeFacts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a machine is.

    Attributes:
        node: digest of the machine's identity, or the engine's name of it where it is simulated.
        boot: digest of its boot.
        kind: its processor, CPUs and memory, as results are filed.
        commit: of its checkout.
        faults: why nothing should be measured on it.
        kept: keys of tasks whose answers it still has.
        running: key of the task that runs on it; empty for none.
    """

    node: str
    boot: str
    kind: str
    cpus: int
    commit: str
    python: str
    load: float
    faults: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()
    running: str = ""


class Request(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a node is asked: to run a task, or, without one, what it is."""

    name: str
    task: Task | None = None
    simulated: bool = False


class RunFile(msgspec.Struct, frozen=True):
    """A run file that a task made: its folder under `raw/<machine>`, its name and its text."""

    folder: str
    name: str
    text: str


class Answer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What became of a request.

    Attributes:
        status: the command's exit status.
        output: what the command printed.
        started: seconds since 1970.
        failed: why there is nothing else.
    """

    facts: NodeFacts
    key: str = ""
    status: int = 0
    output: str = ""
    files: tuple[RunFile, ...] = ()
    started: float = 0.0
    ended: float = 0.0
    failed: str = ""


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """An answer that is kept, with how often the task was tried."""

    answer: Answer
    attempt: int
