"""Whether environments answer alike: each one's answers against the exact ones of the first that loads the model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.inference.own_models.answers import Answers, compare

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from bench.inference.own_models.file import ModelFile


def certify(file: ModelFile, folders: Mapping[str, Path]) -> dict[str, dict[str, Any]]:
    """The fields of a `bench.records.schema.rows.Parity` of each environment that loads the model, by its role.

    Args:
        file: the user's model.
        folders: role to where `survey_file` has written its answers, the base first.
    """
    told = {
        role: Answers.load(path) for role, folder in folders.items() if (path := folder / f"{file.name}.npz").exists()
    }
    if not told:
        return {}
    expected = next(iter(told.values()))
    return {
        role: compare(answers.own if file.kind == "keras" else answers.exported, expected)
        for role, answers in told.items()
    }
