"""The first screen says what the commands print: the same sentences, from the same functions on the same files."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.__main__ import main
from bench.records.record import RunReader
from bench.records.run_file import PUBLISHED
from bench.report.html.sections.answers import make_section, pairs_to_choose
from bench.report.html.stored import Stored, make_stored
from bench.report.html.view import ARROW, Panel
from bench.report.markdown import plain
from bench.report.registry import make_pages, read_shown
from bench.report.shipping import Choice, close_to, front

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def stored() -> Stored:
    return make_stored(read_shown(PUBLISHED, RunReader()))


@pytest.fixture(scope="module")
def panels(stored: Stored) -> dict[str, Panel]:
    return {panel.key: panel for panel in make_section(stored).panels}


def test_three_questions_have_answers_pictures_and_a_way_on(panels: dict[str, Panel]) -> None:
    assert list(panels) == ["ship", "upgrade", "sure"]
    assert all(panel.traces and panel.onward and "**" in panel.sentence for panel in panels.values())


def test_what_to_ship_is_what_the_readme_and_the_runtimes_page_say(panels: dict[str, Panel]) -> None:
    readme = plain((ROOT / "README.md").read_text(encoding="utf-8"), stars=True)
    assert panels["ship"].says["One image at a time"] in readme
    assert panels["sure"].sentence in readme
    assert panels["ship"].note in make_pages(read_shown(PUBLISHED, RunReader()))[0]["runtimes"]


@pytest.mark.parametrize(("old", "new"), [("2.12", "2.21"), ("2.17", "2.18"), ("2.12", "2.22.0rc0")])
def test_an_upgrade_is_told_as_releases_tells_it(
    panels: dict[str, Panel], old: str, new: str, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert main(["releases", "--from", old, "--to", new, "--results", str(tmp_path)]) in {0, 1, 2}
    printed = plain(capsys.readouterr().out, stars=True)
    assert panels["upgrade"].says[f"{old}{ARROW}{new}"] in printed


def test_a_duel_can_be_chosen_and_is_told_as_its_page_tells_it(stored: Stored, panels: dict[str, Panel]) -> None:
    page = plain(make_pages(read_shown(PUBLISHED, RunReader()))[0]["trials"], stars=True)
    assert stored.trials
    for trial in stored.trials:
        for pair in trial.pairs:
            name = ARROW.join(trial.environment(role).word for role in pair)
            assert panels["upgrade"].says[name] in page


def test_every_pair_of_releases_can_be_chosen_and_each_finding_is_a_row(
    stored: Stored, panels: dict[str, Panel]
) -> None:
    chosen = {name: (trial, pair) for name, trial, pair in pairs_to_choose(stored)}
    releases = len(stored.releases[0].main.options.environments) - 1
    assert len(chosen) >= releases * (releases - 1) // 2
    table = panels["upgrade"].table
    assert table
    for name, (trial, pair) in chosen.items():
        rows = trial.rows_of(pair)
        lines = [line for line in table.lines if line.pick == name]
        assert len(lines) == len(rows)
        assert sum(not line.fold for line in lines) == sum(row.word not in {"same", "cannot tell"} for row in rows)


def choice(model: str, runtime: str, accuracy: float, seconds: float) -> Choice:
    return Choice(model, runtime, (accuracy - 0.001, accuracy + 0.001), 0.0, seconds, "run.json")


def test_the_front_has_each_model_once_in_its_quickest_runtime() -> None:
    best, other = choice("best", "a", 0.9, 3.0), choice("best", "b", 0.9, 2.0)
    beaten, quick = choice("beaten", "a", 0.8, 2.5), choice("quick", "a", 0.7, 1.0)
    assert front([best, other, beaten, quick]) == [other, quick]
    assert close_to(other, [other, beaten, choice("alike", "a", 0.8995, 9.0)]) == ["alike"]
