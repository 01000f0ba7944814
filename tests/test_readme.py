"""The README tells the truth: its commands exist, and its options are the suite's."""

from __future__ import annotations

import configparser
import re
import shlex
from pathlib import Path

import pytest

from bench.__main__ import COMMANDS, parse
from bench.settings import add_options

ROOT = Path(__file__).parent.parent
PAGES = ("README.md", "CONTRIBUTING.md")


def commands(start: str) -> list[list[str]]:
    """The words after `start` of each documented command that begins with it."""
    text = "\n".join((ROOT / page).read_text(encoding="utf-8") for page in PAGES)
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    lines = [part.strip() for block in blocks for line in block.splitlines() for part in line.split("&&")]
    return [shlex.split(line.removeprefix(start), comments=True) for line in lines if line.startswith(start)]


def expand(factors: str) -> list[str]:
    """The environments that a section of tox.ini stands for: ``tf{212,213}`` is two."""
    start, brace, rest = factors.partition("{")
    return [f"{start}{factor}" for factor in rest.rstrip("}").split(",")] if brace else [factors]


@pytest.fixture(scope="module")
def parser() -> pytest.Parser:
    parser = pytest.Parser(_ispytest=True)
    add_options(parser)
    return parser


def test_every_documented_tox_environment_exists() -> None:
    tox = configparser.ConfigParser()
    tox.read(ROOT / "tox.ini")
    named = [words[1] for words in commands("tox") if words[:1] == ["-e"]]
    assert {"bench", "tests"} <= set(named)
    assert set(named) <= {name for section in tox.sections() for name in expand(section.removeprefix("testenv:"))}


def test_every_documented_bench_command_is_understood() -> None:
    documented = commands("python -m bench")
    names = {words[0] for words in documented}
    assert names == {"report", "doctor", *COMMANDS}
    for words in documented:
        assert callable(parse(words).command)


def test_every_option_is_documented_and_every_documented_option_exists(parser: pytest.Parser) -> None:
    options = {option.names()[0] for group in parser._groups for option in group.options}
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"^\| `(--[a-z-]+)", text, re.MULTILINE))
    assert documented == options


ENGLISH, KOREAN = "README.md", "README.ko.md"


def outline(name: str) -> dict[str, list[str]]:
    """What both languages must have in common."""
    text = (ROOT / name).read_text(encoding="utf-8")
    generated = re.findall(r"<!-- densebench: (?!end).*?<!-- densebench: end of the .*? -->", text, re.DOTALL)
    for section in generated:
        text = text.replace(section, "")
    blocks = re.findall(r"```sh\n(.*?)```", text, re.DOTALL)
    return {
        "generated": generated,
        "commands": [" ".join(shlex.split(line, comments=True)) for block in blocks for line in block.splitlines()],
        "headings": re.findall(r"^#+", re.sub(r"```.*?```", "", text, flags=re.DOTALL), re.MULTILINE),
        "first columns": [
            row.split("|")[1].strip()
            for table in re.findall(r"(?:^\|.*\n)+", text, re.MULTILINE)
            for row in table.splitlines()[2:]
        ],
        "pictures": re.findall(r'(?:src|srcset)="([^"]*)"', text),
        "links": [link for link in re.findall(r"\]\(([^)]*)\)", text) if not link.startswith("README")],
    }


def test_the_korean_readme_has_the_commands_tables_and_pictures_of_the_english_one() -> None:
    english, korean = outline(ENGLISH), outline(KOREAN)
    for part, found in english.items():
        assert found, part
        assert korean[part] == found, part


def test_every_picture_and_every_linked_file_is_there() -> None:
    for name in (ENGLISH, KOREAN):
        found = outline(name)
        for place in [*found["pictures"], *(link for link in found["links"] if "://" not in link)]:
            assert (ROOT / place.split("#")[0]).exists(), (name, place)


def test_documented_pytest_commands_use_known_options(parser: pytest.Parser) -> None:
    documented = commands("pytest bench/")
    assert len(documented) >= 4
    for words in documented:
        known, unknown = parser.parse_known_and_unknown_args(words)
        assert set(unknown) <= {"--benchmark-only", "-k", "train"}, (known, unknown)
