"""Commands on machines that send nonsense, and plans that are another command's: one line, and nothing is stored."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from bench.__main__ import main
from bench.cluster.engines.engine import Ended
from bench.cluster.node import TASK
from bench.cluster.plan import Store
from bench.cluster.tasks import Answer, Request, RunFile
from bench.commands import cluster
from tests.cluster.fake_engine import FakeEngine, facts

WORDS = ["releases", "--quick", "--simulate", "--releases", "2.15,2.16"]


class Liar(FakeEngine):
    """A machine that answers with one file."""

    file = RunFile("trials", "run.json", "{}")

    def wait(self, _timeout_s: float) -> Ended | None:
        if not self.running:
            return None
        node, raw = self.running.popitem()
        request = msgspec.json.decode(raw, type=Request)
        key = request.task.key if request.task else ""
        files = (self.file,) if request.task else ()
        return Ended(node, msgspec.json.encode(Answer(facts=self.there[node], key=key, files=files)))


def use(monkeypatch: pytest.MonkeyPatch, engine: FakeEngine) -> None:
    monkeypatch.setattr(cluster, "open_engine", lambda _word: engine)
    monkeypatch.delenv(TASK, raising=False)


@pytest.mark.parametrize(
    ("file", "why"),
    [
        (RunFile("trials", "run.json", "{}"), "it sent what is no run file"),
        (RunFile("trials", "../../run.json", "{}"), "which is no name for one"),
        (RunFile("trials", ".hidden", "{}"), "which is no name for one"),
    ],
)
def test_what_is_no_run_file_is_told_and_not_stored(
    file: RunFile, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    engine = Liar({"a": facts("a")})
    engine.file = file
    use(monkeypatch, engine)
    assert main([*WORDS, "--retries", "0", "--results", str(tmp_path)]) == 2
    printed = capsys.readouterr().out
    assert "2 tasks, kept in" in printed
    assert "task 1 was not measured: " in printed
    assert why in printed
    assert not (tmp_path / "raw").exists()


def test_a_plan_of_another_command_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    use(monkeypatch, Liar({"a": facts("a")}))
    main([*WORDS, "--retries", "0", "--results", str(tmp_path)])
    (plan,) = (tmp_path / "plans").glob("*")
    capsys.readouterr()
    duel = ["duel", "a", "b", "--simulate", "--results", str(tmp_path), "--resume"]
    assert main([*duel, str(plan)]) == 4
    assert "is a plan of `releases`, not of `duel`" in capsys.readouterr().err
    assert main([*duel, str(tmp_path / "run.json")]) == 4
    assert "no plan can be read there" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["--nodes", "0"], ["--retries", "-1"]])
def test_numbers_that_are_none_are_one_line(
    words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*WORDS, *words, "--results", str(tmp_path)]) == 4
    assert "1 or more, and 0 or more" in capsys.readouterr().err


def test_more_machines_have_more_rounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, FakeEngine({name: facts(name) for name in "abc"}))
    for count in ("1", "3"):
        main([*WORDS, "--nodes", count, "--retries", "0", "--results", str(tmp_path / count)])
        (path,) = (tmp_path / count / "plans").glob("*/plan.json")
        assert len(Store(path.parent).plan().tasks) == 2 * int(count)
