"""The worker's side of a process: its request, its answers as JSON lines, and its failures as answers.

The parent's side is `bench.host.process`. It imports little: a cold start is measured in processes that import it.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from bench.errors import Unavailable

Answer = Mapping[str, Any]
"""What a worker tells; with `failed` or `unavailable` alone, why it has nothing else to tell."""
Send = Callable[[Answer], None]
"""Writes one answer."""
PR_SET_PDEATHSIG = 1  # linux/prctl.h
R = TypeVar("R")


def read_request(kind: type[R]) -> R:
    """The request that the process was started with: its one argument, the fields of `kind` as JSON."""
    return kind(**json.loads(sys.argv[1]))


def open_answers() -> Send:
    """Returns a function that writes answers to standard output; libraries' prints go to standard error from now on."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def send(answer: Answer) -> None:
        answers.write(f"{json.dumps(answer)}\n")
        answers.flush()

    return send


def end_with_parent() -> None:
    """Have Linux kill this process when the thread that started it ends, however it ends; elsewhere nothing is done.

    Without it, a worker whose parent was killed goes on until it next looks for a request.
    """
    if not sys.platform.startswith("linux"):
        return
    import ctypes
    import signal

    parent = os.getppid()
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it ended before it could be asked to be told
        os.kill(os.getpid(), signal.SIGKILL)


def first_line(error: BaseException) -> str:
    """The first line of an error's text; empty where it has none."""
    return next(iter(str(error).strip().splitlines()), "")


def failure(error: BaseException) -> dict[str, str]:
    """The answer of a request that failed, or that this machine lacks something for."""
    if isinstance(error, (Unavailable, ModuleNotFoundError)):
        return {"unavailable": first_line(error)}
    return {"failed": f"{type(error).__name__}: {first_line(error)}"}


def attempt(action: Callable[..., Answer], *given: Any, **named: Any) -> Answer:
    """The action's answer, or why there is none."""
    try:
        return action(*given, **named)
    except Exception as error:  # noqa: BLE001  whatever a framework raises is a fact about it, and no end of the worker
        return failure(error)


def serve(actions: Mapping[str, Callable[..., Answer]], requests: Iterable[str], send: Send) -> None:
    """Answer each line's request, until there are no more: `do` names the action, and the other fields are its own."""
    for line in requests:
        fields = json.loads(line)
        send(attempt(actions[fields.pop("do")], **fields))


def answer(work: Callable[[R], Answer], kind: type[R]) -> None:
    """Answer the one request that the process was started with."""
    send = open_answers()
    send(attempt(work, read_request(kind)))
