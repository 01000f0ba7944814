"""A recipe that is added by the book, one file and one line in the registry, takes part in everything."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench.__main__ import main
from bench.commands.runtimes.command import plan_cases
from bench.inference.runtimes import RUNTIMES
from bench.records.cases import BATCH_SIZES, case_name
from bench.records.record import RunReader, read_run
from bench.report.pages.suite import readme_table
from bench.trials.cases import known_cases, select_cases
from models import RECIPES
from tests.fake_runs import infer_row, run_content, train_row
from tests.new_recipe import NEW

ROOT = Path(__file__).parent.parent
LATENCIES = [case_name("infer", NEW.name, batch=size, threads=1) for size in BATCH_SIZES]


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    """The recipe's line in the registry."""
    monkeypatch.setitem(RECIPES, NEW.name, NEW)


@pytest.mark.usefixtures("registered")
def test_trials_can_measure_it_and_the_cases_of_the_others_stay_as_they_are() -> None:
    own = [case.name for case in select_cases(f"*{NEW.name}*", 1)]
    calls = [case_name("call", NEW.name, batch=1), case_name("predict", NEW.name, batch=32)]
    assert own == [*(case_name("train", NEW.name, trainer=one) for one in ("fit", "compiled")), *calls, *LATENCIES]
    everything = list(known_cases(1))
    del RECIPES[NEW.name]
    assert everything == [*known_cases(1), *own]


@pytest.mark.usefixtures("registered")
def test_every_runtime_of_its_framework_meets_it() -> None:
    names = [case.runtime.name for case in plan_cases(NEW.name, None, 1)]
    assert names == [name for name, runtime in RUNTIMES.items() if NEW.framework in runtime.frameworks]


@pytest.mark.usefixtures("registered")
def test_tables_have_its_row_below_those_of_the_others(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    rows = [row for name in ("deep_mlp", NEW.name) for row in (train_row(name), infer_row(name))]
    path.write_text(json.dumps(run_content(rows)), encoding="utf-8")
    lines = [[cell.strip() for cell in line.split("|")[1:3]] for line in readme_table(read_run(path)).splitlines()[2:]]
    assert lines == [["deep_mlp", "79,510"], [NEW.name, "79,510"]]


@pytest.mark.slow
@pytest.mark.usefixtures("registered")
def test_what_is_published_needs_no_new_measurement(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "--check"]) == 0, capsys.readouterr().out


@pytest.mark.slow
def test_the_suite_trains_exports_and_times_it_compiled_like_its_own(tmp_path: Path) -> None:
    words = ["-p", "tests.new_recipe", "--benchmark-only", "--dataset", "digits", "--quick", "--device", "cpu:1"]
    command = [sys.executable, "-m", "pytest", "bench/", *words, "--models", NEW.name, "--results", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (run,), _ = RunReader().read_folder(tmp_path)
    assert [record.case for record in run.records] == [
        case_name("train", NEW.name, trainer="compiled"),
        *LATENCIES,
    ]
    assert (run.records[0].trainer, run.records[0].parameters) == ("compiled", 55_050)
    assert any(line.startswith(f"| {NEW.name}") and "0 changed" in line for line in done.stdout.splitlines())
