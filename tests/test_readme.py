"""The READMEs tell the truth: their commands exist, their options are the suite's, and they are short."""

from __future__ import annotations

import configparser
import re
import shlex
from pathlib import Path

import pytest

from bench.__main__ import COMMANDS, parse
from bench.commands.suite.options import add_options
from bench.errors import MEANINGS
from tests.documented import NOT_RUN, PAGES, Documented, documented, to_run

ROOT = Path(__file__).parent.parent
README, KOREAN = "README.md", "README.ko.md"
LONGEST_README, LONGEST_ROW = 12_000, 160
OF_PYTEST = {"--benchmark-only", "-k"}
OTHERS = [["tox"], ["python", "-m", "tests.documented"], ["pytest-benchmark", "compare"], ["python3", "-m", "pip"]]
"""Beginnings of commands that have no parser of ours."""


def expand(factors: str) -> list[str]:
    """The environments that a section of tox.ini stands for: ``tf{212,213}`` is two."""
    start, brace, rest = factors.partition("{")
    return [f"{start}{factor}" for factor in rest.rstrip("}").split(",")] if brace else [factors]


def environments() -> dict[str, list[str]]:
    """The words of the last command of each tox environment."""
    tox = configparser.ConfigParser(interpolation=None)
    tox.read(ROOT / "tox.ini")
    return {
        name: shlex.split(tox[section].get("commands", "").strip().splitlines()[-1].replace("{posargs}", ""))
        for section in tox.sections()
        if section.startswith("testenv:")
        for name in expand(section.removeprefix("testenv:"))
    }


def understood(words: list[str]) -> bool:
    """Whether a command's own parser takes it."""
    known = environments()
    match words:
        case ["tox", "-e", name, *rest]:
            answer = name in known and (not rest or understood([*known[name], *rest[1:]]))
        case ["tox", "exec", "-e", name, "--", *command]:
            answer = name in known and understood(command)
        case ["python", "-m", "pytest", *rest]:
            answer = rest[:1] != ["bench/"] or understood(["pytest", *rest])
        case ["python", "-m", "bench", *rest]:
            answer = callable(parse(rest).command)
        case ["pytest", "bench/", *options]:
            parser = pytest.Parser(_ispytest=True)
            add_options(parser)
            _, unknown = parser.parse_known_and_unknown_args(options)
            answer = {word for word in unknown if word.startswith("-")} <= OF_PYTEST
        case _:
            answer = any(words[: len(start)] == start for start in OTHERS)
    return answer


@pytest.mark.parametrize("one", documented(), ids=lambda one: f"{one.page}: {one.text}")
def test_every_documented_command_is_understood_by_its_own_parser(one: Documented) -> None:
    assert understood(one.words)


def test_what_is_not_run_has_a_reason_and_all_else_is_run() -> None:
    every = documented()
    for start in NOT_RUN:
        assert any(one.reason == NOT_RUN[start] for one in every), start
    assert len(to_run()) >= 12
    for words in to_run():
        assert understood(words), words


def test_every_command_is_documented() -> None:
    words = [one.words for one in documented()]
    named = {one[3] for one in words if one[:3] == ["python", "-m", "bench"] and len(one) > 3}
    assert named == set(COMMANDS)


def test_every_option_of_the_suite_is_documented_and_every_documented_option_exists() -> None:
    parser = pytest.Parser(_ispytest=True)
    add_options(parser)
    options = {option.names()[0] for group in parser._groups for option in group.options}
    text = (ROOT / "bench" / "README.md").read_text(encoding="utf-8")
    assert set(re.findall(r"^\| `(--[a-z-]+)", text, re.MULTILINE)) == options


def test_the_exit_statuses_are_those_that_the_commands_end_with() -> None:
    text = (ROOT / "bench" / "README.md").read_text(encoding="utf-8")
    assert {int(number) for number in re.findall(r"^\| (\d+) \|", text, re.MULTILINE)} == set(MEANINGS)


@pytest.mark.parametrize("page", [README, KOREAN])
def test_a_readme_is_short_and_its_tables_are_narrow(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    assert len(text) <= LONGEST_README
    assert max(len(line) for line in text.splitlines() if line.startswith("|")) <= LONGEST_ROW


def test_the_korean_readme_has_the_same_commands_tables_and_pictures() -> None:
    english, korean = ((ROOT / page).read_text(encoding="utf-8") for page in (README, KOREAN))
    for pattern in (
        r"<!-- densebench: [a-z ]+table, .*?<!-- densebench: end of [a-z ]+table -->",
        r"(?:src|srcset)=\"([^\"]*)\"",
        r"\]\((results/[^)]*)\)",
    ):
        found = re.findall(pattern, english, re.DOTALL)
        assert found
        assert set(re.findall(pattern, korean, re.DOTALL)) >= set(found) - {"results/README.md"}
    assert [one.text for one in documented() if one.page == KOREAN] == [
        one.text for one in documented() if one.page == README
    ]


@pytest.mark.parametrize("page", PAGES)
def test_every_picture_and_every_linked_file_is_there(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    for place in [*re.findall(r"\]\(([^)\s]*)\)", text), *re.findall(r'(?:src|srcset)="([^"]*)"', text)]:
        if "://" not in place:
            assert ((ROOT / page).parent / place.split("#")[0]).exists(), (page, place)
