"""The table that a trial shows on a terminal, and that it costs no measurement."""

from __future__ import annotations

import io
from contextlib import closing
from typing import TYPE_CHECKING, Any

from bench.commands.live import MEASURING, LiveTable
from bench.progress import Progress
from bench.records.trials import HEAD
from bench.trials import processes, surveying
from bench.trials.engine import run_trial
from tests.fake_trial import CALL, FIT, Machine, make_trial

if TYPE_CHECKING:
    import pytest

CLEARED = "\x1b[2K"


class Terminal(io.StringIO):
    """A stream that says it is a terminal."""

    def isatty(self) -> bool:
        return True


def run(table: LiveTable, machine: Machine, monkeypatch: pytest.MonkeyPatch, **options: Any) -> io.StringIO:
    monkeypatch.setattr(surveying, "check_identity", lambda *_words: None)
    monkeypatch.setattr(processes, "start", machine.start)
    monkeypatch.setenv("COLUMNS", "120")
    lines = io.StringIO()
    with closing(table):
        trial = make_trial(FIT, CALL, **options)
        run_trial(trial, save=lambda: None, progress=Progress(lines), watch=table.show if table else None)
    return lines


def test_findings_turn_from_measuring_to_their_verdicts(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Terminal()
    run(LiveTable(stream, height=50), Machine(factor={(HEAD, "call"): 1.2}), monkeypatch)
    drawings = stream.getvalue().split("findings settled")
    assert MEASURING in drawings[1]
    assert "slower" not in drawings[1]
    assert "call[deep_mlp,batch=1]" in drawings[-1]
    assert "slower" in drawings[-1]
    assert "1.2" in drawings[-1]
    assert " left" in drawings[-1]


def test_nothing_of_it_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Terminal()
    run(LiveTable(stream, height=50), Machine(), monkeypatch)
    assert CLEARED in stream.getvalue()[-200:]


def test_more_findings_than_lines_are_counted_by_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = Terminal()
    run(LiveTable(stream, height=12), Machine(), monkeypatch, heads=3)
    assert "HEAD 3" in stream.getvalue()
    assert "call[" not in stream.getvalue()


def test_without_a_terminal_there_are_plain_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.StringIO()
    table = LiveTable(stream)
    assert not table
    lines = run(table, Machine(), monkeypatch)
    assert not stream.getvalue()
    assert "what the environments are" in lines.getvalue()


def test_it_is_drawn_between_rounds_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    stream, drawn = Terminal(), list[int]()

    def watch(_role: str, _number: int, request: Any) -> None:
        if request["do"] == "turn":
            drawn.append(len(stream.getvalue()))

    machine = Machine(trouble=watch)
    run(LiveTable(stream, height=50), machine, monkeypatch)
    rounds = len(machine.started) // 2 - 1
    assert len(set(drawn)) <= rounds, "what is drawn changes only from one round to the next"
