"""The commands' surface: the list, what each imports, and what a slip of the fingers is answered with."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from bench.__main__ import COMMANDS, GROUPS, main, parse

ROOT = Path(__file__).parents[2]
NEEDED = {"bisect": ["--good", "2.15", "--bad", "2.21"], "duel": ["a", "b"]}
NEEDED |= {"predict": ["deep_mlp", "test:0"], "explain": ["2.17", "2.18"]}


def modules_after(words: list[str]) -> set[str]:
    """The modules of bench that a fresh process holds after a command line was parsed."""
    call = f"from bench.__main__ import main, parse; parse({words!r})" if words else "from bench.__main__ import main"
    code = f"{call}; main([]); import sys; print('modules', *(one for one in sys.modules if one.startswith('bench')))"
    answer = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(answer.stdout.splitlines()[-1].split()[1:])


@pytest.mark.parametrize("words", [[], ["--help"], ["-h"]])
def test_without_a_command_all_of_them_are_listed_in_their_groups(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 0
    shown = capsys.readouterr().out
    assert [line.split(":")[0] for line in shown.splitlines() if line.split(":")[0] in GROUPS] == list(GROUPS)
    assert re.findall(r"^  (\w+) ", shown, re.MULTILINE) == list(COMMANDS)
    assert all(len(line) <= 120 for line in shown.splitlines())


def test_the_list_imports_no_other_module_and_a_command_imports_only_its_own() -> None:
    assert modules_after([]) == {"bench", "bench.__main__"}
    others = {one.module for name, one in COMMANDS.items() if name != "duel"}
    assert not modules_after(["duel", "a", "b"]) & others


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_is_parsed_by_its_own_parser(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert callable(parse([name, *NEEDED.get(name, [])]).command)
    with pytest.raises(SystemExit) as end:
        parse([name, "--help"])
    assert end.value.code == 0
    assert f"python -m bench {name}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["rutimes"], "unknown command 'rutimes'. Did you mean 'runtimes'"),
        (["race"], "unknown command 'race'"),
    ],
)
def test_an_unknown_command_is_one_line_with_the_closest_one(
    words: list[str], hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(words) == 4
    (line,) = capsys.readouterr().err.splitlines()
    assert hint in line


@pytest.mark.parametrize(
    ("words", "hint"),
    [
        (["runtimes", "--modles", "x"], "there is no option --modles. Did you mean '--models' or '--model'?"),
        (["bisect", "--goood=2.15"], "there is no option --goood. Did you mean '--good'?"),
        (["duel", "a", "b", "--contro", "1%"], "there is no option --contro. Did you mean '--control'"),
        (["runtimes", "--zzz"], "there is no option --zzz. `python -m bench runtimes --help` lists all"),
        (["runtimes", "--rounds", "many"], "argument --rounds: invalid int value: 'many'. `python -m bench"),
        (["duel", "a"], "the following arguments are required: HEAD. `python -m bench duel --help`"),
    ],
)
def test_a_wrong_option_is_one_line_with_the_closest_one(
    words: list[str], hint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        main(words)
    assert end.value.code == 4
    (line,) = capsys.readouterr().err.splitlines()
    assert hint in line
