from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bench.errors import Unavailable
from bench.host.worker_side import Answer, serve

ROOT = Path(__file__).parents[2]


def answers(error: Exception) -> list[Answer]:
    """To a request that raises the error, and to one after it."""

    def fail(**_fields: Any) -> Answer:
        raise error

    sent: list[Answer] = []
    requests = [{"do": "fail", "case": "a"}, {"do": "repeat", "case": "b"}]
    serve({"fail": fail, "repeat": lambda case: {"heard": case}}, map(json.dumps, requests), sent.append)
    return sent


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ValueError("one\ntwo"), {"failed": "ValueError: one"}),
        (MemoryError(), {"failed": "MemoryError: "}),
        (Unavailable("no compiler"), {"unavailable": "no compiler"}),
        (ModuleNotFoundError("No module named 'torch'"), {"unavailable": "No module named 'torch'"}),
    ],
)
def test_a_request_that_fails_is_answered_with_its_reason_and_the_next_one_as_ever(
    error: Exception, told: Answer
) -> None:
    assert answers(error) == [told, {"heard": "b"}]


@pytest.mark.parametrize(
    ("work", "told"),
    [
        ("print('noise') or os.system('echo noise') or {'heard': request['word']}", {"heard": "hello"}),
        ("1 / 0", {"failed": "ZeroDivisionError: division by zero"}),
    ],
)
def test_one_request_is_one_line_whatever_libraries_print(work: str, told: Answer) -> None:
    code = f"import os; from bench.host.worker_side import answer; answer(lambda request: {work}, dict)"
    command = [sys.executable, "-c", code, json.dumps({"word": "hello"})]
    out = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert (out.count("\n"), json.loads(out)) == (1, told)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="elsewhere nothing is done")
def test_a_worker_ends_with_its_parent() -> None:
    """The parent of a worker that never looks for a request is killed; its output closes only once both are gone."""
    own = "from bench.host.worker_side import end_with_parent; end_with_parent(); print('up', flush=True)"
    child = f"{own}; import time; time.sleep(99)"
    parent = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {child!r}]).wait()"
    with subprocess.Popen([sys.executable, "-c", parent], cwd=ROOT, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == b"up\n"
        process.kill()
        assert process.stdout.read() == b""
