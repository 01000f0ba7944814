"""The worker's side of a process: its request, its answers as JSON lines, and its failures as answers.

The parent's side is `bench.host.process`. It imports little: a cold start is measured in processes that import it.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

Send = Callable[[Mapping[str, Any]], None]
"""Writes one answer."""
R = TypeVar("R")


def read_request(kind: type[R]) -> R:
    """The request that the process was started with: its one argument, the fields of `kind` as JSON."""
    return kind(**json.loads(sys.argv[1]))


def open_answers() -> Send:
    """Returns a function that writes answers to standard output; libraries' prints go to standard error from now on."""
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)

    def send(answer: Mapping[str, Any]) -> None:
        answers.write(f"{json.dumps(answer)}\n")
        answers.flush()

    return send


def first_line(error: BaseException) -> str:
    """The first line of an error's text; empty where it has none."""
    return next(iter(str(error).strip().splitlines()), "")


def failure(error: BaseException) -> dict[str, str]:
    """The answer of a request that failed."""
    return {"failed": f"{type(error).__name__}: {first_line(error)}"}
