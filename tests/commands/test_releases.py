"""The suite on each release: which runs are made and kept, and the table across them."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from bench.__main__ import main
from bench.commands import releases as versions
from bench.commands.releases import Job, launch, plan_jobs
from bench.errors import DensebenchError
from bench.records.known_releases import Release
from bench.records.record import RunReader
from bench.records.releases import read_attempts, select_attempts
from bench.report.pages.releases import versions_page, versions_table
from bench.trials.duels.sides import Side
from bench.trials.releases.probe import PROBE
from tests.fake_runs import benchmark_row, infer_row, run_content, train_row

INFER = "infer[deep_mlp,batch=1,threads=1]"


def store(results: Path, minor: int, *rows: dict[str, Any], trouble: str = "", **metadata: Any) -> None:
    folder = results / "raw" / "machine" / "versions"
    folder.mkdir(parents=True, exist_ok=True)
    own = {"release": f"2.{minor}", "trouble": trouble}
    content = run_content(list(rows), **metadata, versions=own)
    (folder / f"{len(list(folder.iterdir()))}.json").write_text(json.dumps(content), encoding="utf-8")


def probe_row(case: str, stage: str, values_s: tuple[float, ...], **extra_info: Any) -> dict[str, Any]:
    return benchmark_row(
        values_s, **{"case": case, "stage": stage, "recipe": "deep_mlp", "batch_size": 1, "threads": 2, **extra_info}
    )


def table(results: Path) -> dict[str, list[str]]:
    lines = versions_table(select_attempts(read_attempts(results, RunReader())[0])).splitlines()
    cells = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {row[0]: row[1:] for row in cells}


# The table.


def test_each_case_is_a_ratio_to_the_earliest_release(tmp_path: Path) -> None:
    store(tmp_path, 21, train_row(values_s=(20.0,) * 3), infer_row(values_s=(8e-6,) * 3))
    store(tmp_path, 19, train_row(values_s=(10.0,) * 3), infer_row(values_s=(8e-6,) * 3))
    rows = table(tmp_path)
    assert rows["Case"] == ["2.19 (base)", "2.21"]
    assert rows["train[deep_mlp,trainer=compiled]: epoch"] == ["5.00 s", "2.000 cannot tell"]
    assert rows["train[deep_mlp,trainer=compiled]: accuracy"] == ["0.8700", "+0.0000 (+0.0000 to +0.0000) non-inferior"]
    assert rows["train[deep_mlp,trainer=compiled]: first step"] == ["250 ms", "1.000 cannot tell"]
    assert rows[f"{INFER}: call"] == ["8.00 µs", "1.000 cannot tell"]
    assert rows[f"{INFER}: parity"] == ["4.2e-07, 0 changed"] * 2


def test_trainers_are_cases_of_their_own_and_inference_is_not(tmp_path: Path) -> None:
    for minor in (19, 21):
        for trainer in ("fit", "compiled"):
            store(tmp_path, minor, train_row(trainer=trainer), infer_row(values_s=(8e-6,) * 3), trainer=trainer)
    rows = table(tmp_path)
    assert {"train[deep_mlp,trainer=fit]: epoch", "train[deep_mlp,trainer=compiled]: epoch"} < set(rows)
    assert rows[f"{INFER}: call"][1] == "1.000 (1.000–1.000) same"


def test_several_runs_of_a_release_are_judged_by_their_own_spread(tmp_path: Path) -> None:
    for minor, factor in ((19, 1.0), (21, 1.1)):
        for value in (1.0, 1.001, 0.999, 1.0):
            steps = [0.25 * factor * value] * 3
            store(tmp_path, minor, train_row(values_s=(10.0 * factor * value,) * 3, first_step_s=steps))
    rows = table(tmp_path)
    assert rows["train[deep_mlp,trainer=compiled]: epoch"][1].endswith("slower")
    assert rows["train[deep_mlp,trainer=compiled]: first step"][1].endswith("slower")


def test_a_release_that_failed_has_a_column_and_a_line_that_says_why(tmp_path: Path) -> None:
    store(tmp_path, 19, infer_row())
    store(tmp_path, 20, trouble="it does not install")
    store(tmp_path, 21, train_row(), infer_row(), trouble="it ended with status 3")
    rows = table(tmp_path)
    assert rows[f"{INFER}: call"][1] == "failed"
    assert rows["train[deep_mlp,trainer=compiled]: epoch"] == ["–", "failed", "new"]
    page = versions_page(select_attempts(read_attempts(tmp_path, RunReader())[0]))
    assert "**2.20 FAILED: it does not install**" in page
    assert "**2.21 FAILED: it ended with status 3**" in page


def test_probes_are_judged_by_the_spread_of_their_processes(tmp_path: Path) -> None:
    for minor, factor in ((19, 1.0), (21, 1.2)):
        for wave in (1.0, 1.001, 0.999, 1.0, 1.0005):
            rows = [
                probe_row("import[tensorflow]", "import", (2.0 * factor * wave,)),
                probe_row("process[deep_mlp]", "process", (3.0 * wave,), peak_bytes=round(1e9 * factor * wave)),
                probe_row("predict[deep_mlp,batch=1]", "tensorflow", (0.03 * wave,) * 3),
            ]
            store(tmp_path, minor, *rows, trainer=PROBE)
    cells = table(tmp_path)
    assert cells["import[tensorflow]: time"][0] == "2.00 s"
    assert cells["import[tensorflow]: time"][1].endswith("slower")
    assert cells["process[deep_mlp]: first epoch"][1].endswith("same")
    assert cells["process[deep_mlp]: peak memory"][0] == "1.00 GB"
    assert cells["process[deep_mlp]: peak memory"][1].endswith("larger")
    assert cells["predict[deep_mlp,batch=1]: time"][1].endswith("same")
    assert not any("predict" in label and "parity" in label for label in cells)


def test_where_no_release_ran_the_page_says_so(tmp_path: Path) -> None:
    store(tmp_path, 20, trouble="it does not install")
    assert "No release ran." in versions_page(select_attempts(read_attempts(tmp_path, RunReader())[0]))


def test_a_failure_is_forgotten_once_the_release_ran(tmp_path: Path) -> None:
    store(tmp_path, 20, trouble="it does not install", started_at="2026-01-01")
    store(tmp_path, 20, infer_row(), started_at="2026-01-02")
    assert [one.trouble for one in select_attempts(read_attempts(tmp_path, RunReader())[0])] == [""]
    store(tmp_path, 20, trouble="it crashed", started_at="2026-01-03")
    assert [one.trouble for one in select_attempts(read_attempts(tmp_path, RunReader())[0])] == ["", "it crashed"]


def test_runs_of_other_data_and_quick_ones_are_left_out(tmp_path: Path) -> None:
    store(tmp_path, 19, infer_row())
    store(tmp_path, 20, infer_row(), dataset="mnist", started_at="2025-01-01")
    store(tmp_path, 21, infer_row(), quick=True, started_at="2027-01-01")
    assert table(tmp_path)["Case"] == ["2.19 (base)"]


# The command.


def test_each_round_has_every_release_in_an_order_of_its_own() -> None:
    releases = [Release(2, minor) for minor in range(12, 22)]
    jobs = plan_jobs(releases, ["fit"], 2)
    assert plan_jobs(releases, ["fit"], 0) == []
    assert {job.release for job in jobs[:10]} == {job.release for job in jobs[10:]} == set(releases)
    assert jobs[:10] != jobs[10:]
    assert plan_jobs(releases[:1], ["fit", "compiled"], 1)[0] in {Job(releases[0], "fit"), Job(releases[0], "compiled")}


@pytest.fixture
def launched(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Environments of which 2.20 cannot be made, and whose 2.21 crashes before it leaves a run file."""
    commands: list[str] = []

    def find(word: str) -> Side:
        if word == "tf220":
            raise DensebenchError("side 'tf220': it does not install")
        return Side(word, Path(f"/{word}/python"))

    def fake_launch(command: Sequence[str], _timeout_s: float) -> str:
        commands.append(" ".join(word for word in command if not word.startswith("--results=")))
        if "/tf221/" in command[0]:
            return "it ended with status -11: it says nothing"
        if command[2] == "bench.trials.releases.probe":
            path = Path(json.loads(command[3])["path"])
            content = run_content([probe_row("import[tensorflow]", "import", (2.0,))], trainer=PROBE)
        else:
            results = next(Path(word.partition("=")[2]) for word in command if word.startswith("--results="))
            path, content = results / "raw" / "machine" / "run.json", run_content([infer_row()])
            path.parent.mkdir(parents=True)
        path.write_text(json.dumps(content), encoding="utf-8")
        return ""

    monkeypatch.setattr(versions, "find_side", find)
    monkeypatch.setattr(versions, "launch", fake_launch)
    return commands


def test_releases_that_fail_are_stored_and_the_others_still_run(
    launched: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--releases", "2.19,2.20,2.21", "--trainers", "fit", "--options", "--models deep_mlp", "--probes", "1"]
    assert main(["versions", *words, "--dataset", "digits", "--results", str(tmp_path)]) == 3
    job = "-m pytest bench/ --benchmark-only --trainer=fit --device=cpu --dataset=digits --models deep_mlp"
    assert f"/tf219/python {job}" in launched
    assert any(command.startswith("/tf219/python -m bench.trials.releases.probe") for command in launched)
    page = (tmp_path / "tables" / "versions.md").read_text(encoding="utf-8")
    assert page in capsys.readouterr().out
    assert "**2.20 FAILED: side 'tf220': it does not install**" in page
    assert "**2.21 FAILED: it ended with status -11: it says nothing**" in page
    assert table(tmp_path)["Case"] == ["2.19 (base)", "2.20", "2.21"]
    (tmp_path / "tables" / "versions.md").unlink()
    assert main(["report", "--results", str(tmp_path)]) == 0
    assert (tmp_path / "tables" / "versions.md").read_text(encoding="utf-8") == page


@pytest.mark.parametrize(
    ("words", "warning"),
    [
        (["--releases", "3.1"], "unknown release '3.1'"),
        (["--trainers", "sgd"], "unknown trainer 'sgd'"),
        (["--rounds=-1"], "-1 is no number of runs"),
        (["--rounds", "0", "--probes", "0"], "leave nothing to do"),
    ],
)
def test_bad_options_get_one_line(
    words: list[str], warning: str, launched: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["versions", *words, "--dataset", "digits", "--results", str(tmp_path)]) == 4
    assert warning in capsys.readouterr().err
    assert launched == []


@pytest.mark.parametrize(
    ("code", "trouble"),
    [
        ("raise SystemExit(0)", ""),
        ("raise SystemExit(1)", ""),
        ("print('one'); print('two'); raise SystemExit(4)", "it ended with status 4: one / two"),
        ("import os; os.kill(os.getpid(), 9)", "it was killed by signal 9: it says nothing"),
    ],
)
def test_a_run_that_does_not_end_well_says_how(code: str, trouble: str) -> None:
    assert launch([sys.executable, "-c", code], 60.0) == trouble


def test_a_run_that_hangs_is_ended() -> None:
    assert launch([sys.executable, "-c", "import time; time.sleep(60)"], 0.05) == "it did not end within 50.0 ms"
