"""The page of what survives an upgrade says what its run says."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bench.records.compatibility import StoredCompatibility, compatibility_of
from bench.records.outcomes import FAILS, IDENTICAL, OTHERWISE, ROUNDED
from bench.records.record import RunFileError, read_run
from bench.records.schema.compatibility import (
    Artifact,
    Compatibility,
    Costs,
    Environment,
    FixedAnswers,
    Loading,
    Training,
)
from bench.report.pages.compatibility import compatibility_page
from bench.report.pages.compatibility_sentences import broken, files_sentence, numbers_sentence, ranges
from tests.fake_runs import run_content, train_row

ROLES = ("2.12", "2.13", "2.15", "2.16")
FORMS = (".keras", ".h5", "ONNX")
FAILURE = "TypeError: Unrecognized keyword 'batch_shape' | <InputLayer>"


def outcome(saver: str, loader: str, form: str) -> dict[str, Any]:
    """Keras 3's .keras files do not load before; .h5 of 2.16 means something else in 2.12; ONNX is off by rounding."""
    if form == ".keras" and saver == "2.16" != loader:
        return {"outcome": FAILS, "reason": FAILURE}
    if form == ".h5" and (saver, loader) == ("2.12", "2.16"):
        return {"outcome": OTHERWISE, "reason": "3 of 1000 predictions changed", "changed_predictions": 3}
    return {"outcome": ROUNDED, "max_abs_diff": 1e-8} if form == "ONNX" else {"outcome": IDENTICAL, "max_abs_diff": 0.0}


def environment(role: str, **changes: Any) -> Environment:
    loaded = [
        Loading(saver=saver, model=model, format=form, **outcome(saver, role, form))
        for saver in ROLES
        for model in ("deep_mlp", "mine")
        for form in FORMS
    ]
    bits = "a" if role < "2.15" else "b"
    given = {
        "role": role,
        "word": f"tensorflow-cpu=={role}.0",
        "python": "3.11.7",
        "packages": {"tensorflow": f"tensorflow-cpu {role}.0"},
        "saved": tuple(
            Artifact(model=model, format=form, size_bytes=319_000, graph="g" if form == "ONNX" else None)
            for model in ("deep_mlp", "mine")
            for form in FORMS
        ),
        "loaded": tuple(loaded),
        "answers": tuple(
            FixedAnswers(
                model=model,
                digest=bits,
                inputs=1000,
                max_abs_diff=0.0 if bits == "a" else 3e-8,
                changed_predictions=0,
            )
            for model in ("deep_mlp", "mine")
        ),
        "trainings": (
            Training(model="deep_mlp", runs=(("i", bits), ("i", bits)), deterministic=((bits,), (bits,))),
            Training(model="mine", runs=(("i", "x"), ("i", role))),
        ),
        "costs": Costs(
            sizes={"tensorflow-cpu": 600_000_000, "numpy": 60_000_000},
            imports_s=(2.0, 2.1, 1.9, 2.0, 2.0),
            resident_bytes=(300_000_000,) * 5,
            parts_s={"tensorflow": (1.0, 1.1, 0.9, 1.0, 1.0)},
            cycles_bytes=tuple(300_000_000 + 50_000 * number for number in range(50)),
        ),
    }
    return Environment(**{**given, **changes})


def stored(tmp_path: Path, *environments: Environment, machine: str = "test-cpu-2cpu-8gib") -> StoredCompatibility:
    some = environments or tuple(map(environment, ROLES))
    roles = {one.role for one in some}
    known = [
        msgspec.structs.replace(one, loaded=tuple(each for each in one.loaded if each.saver in roles)) for one in some
    ]
    found = Compatibility(environments=tuple(known), seed=7, elapsed_s=600.0)
    content = run_content([], compatibility=msgspec.to_builtins(found))
    content["densebench"]["machine"]["name"] = machine
    path = tmp_path / f"{machine}.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    return compatibility_of(read_run(path))


def test_the_sentences_name_what_does_not_survive(tmp_path: Path) -> None:
    found = stored(tmp_path)
    assert files_sentence(found) == (
        "Files load in every later one: .keras, ONNX; not always .h5 of 2.12. "
        "In every earlier one: .h5, ONNX; not always .keras of 2.16."
    )
    assert numbers_sentence(found) == (
        "Numbers: the same weights answer bit for bit alike within each of 2.12–2.13, 2.15–2.16; between these they "
        "differ by 3.0e-08 at most, and no prediction changes."
    )


def test_only_what_later_environments_lose_is_broken(tmp_path: Path) -> None:
    lost = broken(stored(tmp_path))
    assert {(one.saver, one.format, one.outcome) for one in lost} == {("2.12", ".h5", OTHERWISE)}


def test_each_cell_that_is_not_fine_has_a_command(tmp_path: Path) -> None:
    page = compatibility_page([stored(tmp_path)])
    assert (
        "python -m bench compatibility --show .keras --from tensorflow-cpu==2.16.0 --to tensorflow-cpu==2.12.0 "
        "--model deep_mlp" in page
    )
    assert "Unrecognized keyword 'batch_shape' \\| &lt;InputLayer&gt;" in page, "a message is no markup"
    grid = [line for line in page.splitlines() if line.startswith("| saved by 2.16")]
    assert [line.count("✗") for line in grid] == [3, 0]
    assert "Loads everywhere, whoever saved it: ONNX (≈)." in page


def test_trainings_tell_whether_they_repeat_and_where_they_part(tmp_path: Path) -> None:
    rows = [line for line in compatibility_page([stored(tmp_path)]).splitlines() if line.startswith("| 2.15")]
    training = next(line for line in rows if "yes (yes)" in line)
    assert "parts in epoch 1" in training
    assert "| no" in training


def test_what_grows_is_marked(tmp_path: Path) -> None:
    page = compatibility_page([stored(tmp_path, environment("2.12"), environment("2.13", costs=Costs()))])
    assert "**+50 kB (+50 to +50)**" in page
    assert "660 MB" in page


def test_another_machine_is_compared_by_its_digests(tmp_path: Path) -> None:
    other = stored(
        tmp_path,
        environment("2.12"),
        environment("2.15", answers=(FixedAnswers(model="deep_mlp", digest="c", inputs=1000),)),
        machine="other-cpu",
    )
    page = compatibility_page([stored(tmp_path), replace(other)])
    assert "On Test CPU, 2 of 3 answers are the same, bit for bit." in page


def test_an_environment_that_failed_is_said(tmp_path: Path) -> None:
    page = compatibility_page([stored(tmp_path, environment("2.12"), Environment(role="2.13", word="x", failed="no"))])
    assert "- x: no" in page


@pytest.mark.parametrize(
    ("roles", "told"),
    [(["2.12"], "2.12"), (["2.13", "2.12"], "2.12–2.13"), (["2.12", "2.15", "2.16"], "2.12, 2.15–2.16")],
)
def test_ranges(roles: list[str], told: str) -> None:
    assert ranges(roles, ROLES) == told


def test_a_run_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "run.json"
    path.write_text(json.dumps(run_content([train_row()])), encoding="utf-8")
    with pytest.raises(RunFileError, match="not the run file of a survey of compatibility"):
        compatibility_of(read_run(path))
    unknown = environment("2.12", loaded=(Loading(saver="2.12", model="m", format=".h5", outcome="maybe"),))
    with pytest.raises(RunFileError, match="unknown outcome 'maybe'"):
        stored(tmp_path, unknown)
