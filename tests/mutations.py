"""Mutations of run files: real ones with a value, a field or some bytes changed, for tests of what reads them.

`python -m tests.mutations` makes folders of them and has `report --html` show each.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import io
import json
import random
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.__main__ import main
from bench.records.run_file import PUBLISHED, read_content, run_file_name, run_paths

EVIL = "<script>alert(1)</script>"
HOSTILE: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 3, 0.5, 1e-9, 1e-320, 1e308, 2**53, 2**53 + 1, -(10**30), 10**400),
    *(float("nan"), float("inf"), float("-inf")),
    *("", "x", EVIL, f'"{EVIL}', "a|b\n# c", "\ud800", "\udc00x", "\x00", "\u202e", "2026-01-01", "x" * 100_000),
    *([], [[]], [None], ["x", 1], {}, {"a": 1}, {EVIL: EVIL}, {"": []}),
)
"""Values that stand where others belong."""
DEPTH = 100_000


def mutate(content: Any, source: random.Random) -> bytes:
    """A run file with one to three changes, drawn from `source`.

    Args:
        content: the parsed file, which is left as it is.
        source: draws the changes.
    """
    if source.random() < 0.1:
        return _spoil(json.dumps(content).encode(), source)
    content = copy.deepcopy(content)
    for _ in range(source.randint(1, 3)):
        if content:
            owner, key = _place(content, source)
            source.choice(CHANGES)(owner, key, source)
    return json.dumps(content).encode()


def real_run_files(results: Path) -> list[Path]:
    """The run files below a folder of results."""
    return run_paths(results / "raw")


def _place(content: Any, source: random.Random) -> tuple[Any, Any]:
    """An object or list within the content, and a key or index of it; deeper ones are as likely as shallow ones."""
    node = content
    while True:
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        key = source.choice(keys)
        inner = node[key]
        if not isinstance(inner, (dict, list)) or not inner or source.random() < 0.15:
            return node, key
        node = inner


def _replace(owner: Any, key: Any, source: random.Random) -> None:
    owner[key] = copy.deepcopy(source.choice(HOSTILE))


def _scale(owner: Any, key: Any, source: random.Random) -> None:
    if isinstance(owner[key], (int, float)) and not isinstance(owner[key], bool) and abs(owner[key]) <= 2**60:
        owner[key] *= source.choice((-1, 0, 0.5, 2, 1e-12, 1e12, 10))


def _delete(owner: Any, key: Any, _source: random.Random) -> None:
    del owner[key]


def _repeat(owner: Any, key: Any, source: random.Random) -> None:
    if isinstance(owner, list):
        owner.insert(key, copy.deepcopy(owner[key]))
    else:
        owner[source.choice(("x", EVIL, str(key)))] = copy.deepcopy(owner[key])


def _empty(owner: Any, key: Any, _source: random.Random) -> None:
    if isinstance(owner[key], (dict, list, str)):
        owner[key] = type(owner[key])()


def _swap(owner: Any, key: Any, source: random.Random) -> None:
    """A value changes places with its neighbour, which may be of another type."""
    keys = list(owner) if isinstance(owner, dict) else list(range(len(owner)))
    other = source.choice(keys)
    owner[key], owner[other] = owner[other], owner[key]


CHANGES: tuple[Callable[[Any, Any, random.Random], None], ...] = (
    *(_replace, _replace, _replace, _scale, _delete, _repeat, _empty, _swap),
)


def _spoil(text: bytes, source: random.Random) -> bytes:
    place = source.randrange(len(text))
    match source.randrange(5):
        case 0:
            return text[:place]
        case 1:
            return text[:place] + bytes([source.randrange(256)]) + text[place + 1 :]
        case 2:
            return text[:place] + text[place + source.randint(1, 50) :]
        case 3:
            return b'{"benchmarks": ' + b"[" * DEPTH + b"]" * DEPTH + b"}"
        case _:
            return source.choice((b"", b"null", b"[]", b"{}", b"\xff\xfe", text * 2))


def write_folder(files: Sequence[Path], count: int, seed: int, results: Path) -> None:
    """Fill a folder of results with mutations of run files, in their folders, with numbers before their names."""
    source = random.Random(seed)
    contents: dict[Path, Any] = {}
    for number in range(count):
        path = source.choice(files)
        contents[path] = contents.get(path) or json.loads(read_content(path))
        parts = path.parts[len(path.parts) - path.parts[::-1].index("raw") - 1 :]
        place = results.joinpath(*parts).with_name(f"{number:05d}-{run_file_name(path)}")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(mutate(contents[path], source))


@dataclass(frozen=True, slots=True)
class Shown:
    """What became of a folder of mutated run files in `report --html`.

    Attributes:
        refused: files that were named as unreadable.
        accepted: files that were read.
        seconds: how long it took.
        faults: what must not be: a chapter that broke, a script in a page, an exit status other than 0.
    """

    refused: int
    accepted: int
    seconds: float
    faults: Sequence[str]


def show_folder(results: Path) -> Shown:
    """Run `report --html` on a folder of results, and look at all that it prints and writes."""
    printed, errors, started_s = io.StringIO(), io.StringIO(), time.perf_counter()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(errors):
        status = main(["report", "--html", "--results", str(results)])
    seconds = time.perf_counter() - started_s
    lines = errors.getvalue().splitlines()
    files = real_run_files(results)
    names = {path.name for path in files}
    refused = {name for name in names if f"{name}: " in errors.getvalue()}
    faults = [line for line in lines if not any(word.strip(":").split("/")[-1] in names for word in line.split()[1:2])]
    faults += [f"exit status {status}"] if status else []
    page = (results / "report/index.html").read_text(encoding="utf-8")
    faults += [f"{count} scripts in the page" for count in {page.count("<script"), page.count("</script")} - {4}]
    tables = [*(results / "tables").glob("*.md")]
    faults += [f"a script in {path.name}" for path in tables if "<script" in path.read_text(encoding="utf-8")]
    return Shown(len(refused), len(files) - len(refused), seconds, faults)


def run(arguments: Sequence[str] | None = None) -> int:
    """Show folders of mutated run files, and tell what became of them; 1 where something must not be."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutations", description=run.__doc__)
    parser.add_argument("--folders", type=int, default=20, help="how many (default: %(default)s)")
    parser.add_argument("--files", type=int, default=60, help="run files in each (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the first folder (default: %(default)s)")
    parser.add_argument("--from", type=Path, default=PUBLISHED, dest="source", metavar="DIR", help="real run files")
    given = parser.parse_args(arguments)
    shown = []
    for number in range(given.folders):
        with tempfile.TemporaryDirectory() as folder:
            write_folder(real_run_files(given.source), given.files, given.seed + number, Path(folder))
            shown.append(show_folder(Path(folder)))
        for fault in shown[-1].faults:
            sys.stdout.write(f"seed {given.seed + number}: {fault}\n")
    longest_s, faults = max(one.seconds for one in shown), sum(len(one.faults) for one in shown)
    sys.stdout.write(
        f"{given.folders} folders of {given.files} mutated run files: {sum(one.refused for one in shown)} refused with "
        f"a line, {sum(one.accepted for one in shown)} accepted, {faults} faults; longest page {longest_s:.1f} s\n"
    )
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(run())
