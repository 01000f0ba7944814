"""Publishing: pins runs, writes all pages, pictures and README sections, and lists run files that are not pinned."""

from __future__ import annotations

import filecmp
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from bench.data.datasets import PUBLISHED_DATASET
from bench.errors import DensebenchError
from bench.files import write_changed
from bench.records.record import Run, RunFileError, RunReader
from bench.records.run_file import ENDING, PACKED, pack, read_content, run_file_name, run_paths
from bench.records.selection import narrowed_by, options
from bench.report.flames import make_flames
from bench.report.html.stored import make_stored
from bench.report.own_pages import write_pages
from bench.report.pages.explanation import FLAMES
from bench.report.pins import Pin, read_pins, write_pins
from bench.report.readme import refresh_readme
from bench.report.readme_sections import make_sections, mixed_machines
from bench.report.registry import KINDS, Shown, make_pages, read_shown
from bench.report.svg import write_pictures

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

SUITE, DEVICES = "suite", "devices"
OF_DEVICES = ("--dataset", "--device", "--backend")
"""Options that runs in the table across devices differ in."""
KIND_OF_FOLDER = {kind.folder: name for name, kind in KINDS.items() if name != DEVICES}


def publish(names: Sequence[str], own: Path, published: Path, readmes: Iterable[Path]) -> list[str]:
    """Pin runs in place of those that are pinned, write all that is made from them, and return a line per file.

    Args:
        names: paths of run files, or their names, or ids of self-tests.
        own: the folder of results that is searched for the names.
        published: the folder of published results; the run files are copied into it.
        readmes: files with sections between markers.

    Raises:
        DensebenchError: a run is unknown or only part of one, or READMEs would mix machines.
        OSError: something could not be written.
    """
    reader = RunReader()
    paths = [path for name in names for path in _find(name, own, published, reader)]
    pins = _pin_all(paths, read_pins(published) or {}, published, reader)
    places = {_place(published, path): path for path in paths}
    copies = {  # one that is published already may have got rounds since
        place: path for place, path in places.items() if not _is_same(place, path)
    }
    before = {place: place.read_bytes() for place in copies if place.exists()}
    try:
        for place, path in copies.items():
            place.parent.mkdir(parents=True, exist_ok=True)
            if place.suffix == path.suffix:
                shutil.copyfile(path, place)
            else:
                place.write_bytes(pack(read_content(path)))
            reader.forget(place)
        shown = _sound(read_shown(published, reader, pins))
    except BaseException:
        for place in copies:
            if place in before:
                place.write_bytes(before[place])
            else:
                place.unlink(missing_ok=True)
        raise
    return [str(write_pins(published, pins)), *map(str, copies), *write_published(shown, readmes)]


def _sound(shown: Shown) -> Shown:
    """Check that runs may be published; they are returned as they are. Raises DensebenchError."""
    mixed = mixed_machines(shown)
    if lines := [*shown.warnings, *([mixed] if mixed else [])]:
        raise DensebenchError(" ".join(lines))
    return shown


def write_published(shown: Shown, readmes: Iterable[Path]) -> list[str]:
    """Write all pages, pictures and README sections of the pinned runs, and return a line for each file.

    A page or picture that no pinned run gives any more is deleted.

    Raises:
        DensebenchError: a README lacks a marker, or Matplotlib is not installed.
        OSError: something could not be written.
    """
    pages, warnings = make_pages(shown)
    if warnings:
        raise DensebenchError(" ".join(warnings))
    stored, sections = make_stored(shown), make_sections(shown)
    refreshed = [str(readme) for readme in readmes if refresh_readme(readme, sections)]
    pictures = write_pictures(shown.results, stored)
    flames = make_flames(shown.kinds["explanations"])
    kept = {f"{name}.md" for name in pages} | {path.name for path in pictures} | flames.keys()
    lines = [*write_pages(shown.results, pages), *write_changed(shown.results / FLAMES, flames)]
    for folder, pattern in (("tables", "*.md"), ("pictures", "*.svg"), (FLAMES, "*.svg")):
        for path in (shown.results / folder).glob(pattern):
            if path.name not in kept:
                path.unlink()
                lines.append(f"{path}: deleted, no pinned run gives it")
    return [*lines, *map(str, pictures), *refreshed]


def unpinned(published: Path) -> list[Path]:
    """The run files below a folder of published results that are not pinned, including unreadable ones."""
    pins = read_pins(published) or {}
    named = {name for pin in pins.values() if not pin.withdrawn for name in pin.runs}
    found, reader = [], RunReader()
    for path in run_paths(published / "raw"):
        try:
            run = reader.read(path)
        except RunFileError:
            found.append(path)
            continue
        if not {run.name, run.series} & named:
            found.append(path)
    return found


def _find(name: str, own: Path, published: Path, reader: RunReader) -> list[Path]:
    """The run files with this path, name or self-test id. Raises DensebenchError where there is none."""
    path = Path(name)
    if path.is_file():
        return [path.absolute()]
    for results in (own, published):
        paths = run_paths(results / "raw")
        if found := [one for one in paths if run_file_name(one) == f"{name}{ENDING}"]:
            return found[:1]
        if found := [one for one in paths if _series(one, reader) == name]:
            return found
    raise DensebenchError(f"--publish {name!r}: no run file has that name, below {own / 'raw'} or {published / 'raw'}.")


def _series(path: Path, reader: RunReader) -> str | None:
    if path.parent.name not in KINDS:
        return None
    try:
        return reader.read(path).series
    except RunFileError:
        return None


def _below_raw(path: Path) -> Path:
    """A run file's path below `raw`: machine, folder of its kind, name."""
    parts = path.parts
    if "raw" not in parts:
        raise DensebenchError(f"{path} does not lie below a folder `raw/<machine>`, which tells its kind.")
    start = len(parts) - 1 - parts[::-1].index("raw")
    return path.relative_to(Path(*parts[: start + 1]))


def _place(published: Path, path: Path) -> Path:
    """Where a run file is published: packed, but for the suite's, which pytest-benchmark's own tools read."""
    below = _below_raw(path)
    packed = len(below.parts) > len(("machine", "run.json"))
    return published / "raw" / below.with_name(run_file_name(below) + (PACKED if packed else ""))


def _is_same(place: Path, path: Path) -> bool:
    """Whether a published run file is there and has the content of another, which may not be packed."""
    if not place.exists():
        return False
    if place.suffix == path.suffix:
        return filecmp.cmp(place, path, shallow=False)
    try:
        return read_content(place) == read_content(path)
    except (OSError, ValueError):
        return False


def _pin_all(paths: Sequence[Path], pins: Mapping[str, Pin], published: Path, reader: RunReader) -> dict[str, Pin]:
    """A copy of the pins, with these runs in place of those that they replace."""
    found: dict[str, list[Run]] = {}
    for path in paths:
        below = _below_raw(path)
        folder = str(below.parent.relative_to(below.parts[0]))
        if folder not in KIND_OF_FOLDER:
            raise DensebenchError(f"{path} lies in a folder of no kind of run. Known: {', '.join(KIND_OF_FOLDER)}.")
        try:
            run = reader.read(path)
        except RunFileError as error:
            raise DensebenchError(str(error)) from error
        kind = KIND_OF_FOLDER[folder]
        if KINDS[kind].whole and (reasons := narrowed_by(run)):
            raise DensebenchError(f"{run.file} is only part of a run ({', '.join(reasons)}) and is not published.")
        found.setdefault(kind, []).append(run)
    new = dict(pins)
    for kind, runs in found.items():
        if kind == SUITE:
            plain = [run for run in runs if _has_only(run, "--dataset")]
            pinned = _pinned(new, SUITE, published, reader)
            _replace(new, SUITE, plain, pinned, lambda run: run.dataset)
            of_devices = [run for run in runs if run.dataset == PUBLISHED_DATASET and _has_only(run, *OF_DEVICES)]
            for run in runs:
                if run not in plain and run not in of_devices:
                    raise DensebenchError(f"{run.file}: no published page shows runs of `{run.command}`.")
            pinned = _pinned(new, DEVICES, published, reader)
            _replace(new, DEVICES, of_devices, pinned, lambda run: f"{run.backend} {run.device}")
        else:
            new[kind] = Pin(tuple(dict.fromkeys(run.series or run.name for run in runs)))
    return {kind: new[kind] for kind in KINDS if kind in new}


def _has_only(run: Run, *names: str) -> bool:
    """Whether a run was made with these options at most."""
    return all(name in names for name, _ in options(run))


def _pinned(pins: Mapping[str, Pin], kind: str, published: Path, reader: RunReader) -> list[Run]:
    """The runs of a kind that are pinned. Raises DensebenchError where one cannot be read."""
    paths = [path for name in pins.get(kind, Pin()).runs for path in (published / "raw").glob(f"*/{name}.json")]
    try:
        return [reader.read(path) for path in paths]
    except RunFileError as error:
        raise DensebenchError(str(error)) from error


def _replace(
    pins: dict[str, Pin], kind: str, runs: Sequence[Run], pinned: Sequence[Run], place: Callable[[Run], str]
) -> None:
    """Pin runs of a kind, each in place of the pinned run with the same `place`; drop those of other machines."""
    if not runs:
        return
    known = {place(run): run for run in pinned if run.machine.name == runs[0].machine.name}
    known |= {place(run): run for run in runs}
    pins[kind] = Pin(tuple(run.name for run in known.values()))
