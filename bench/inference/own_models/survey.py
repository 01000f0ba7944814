"""What an environment makes of a user's file: whether it loads, what it answers, what it exports. Run inside of it."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import DensebenchError
from bench.inference.digests import digest, graph_digest
from bench.inference.own_models import keras_file, onnx_graph
from bench.inference.own_models.answers import Answers, compare
from bench.inference.own_models.inputs import MADE_UP_SEED, Input, describe_inputs, random_inputs
from bench.inference.own_models.session import answer_once

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.inference.own_models.file import ModelFile

WHY, INPUTS = ".txt", ".json"
"""Endings of the file that says why there is no export, and of the one that says what a graph takes."""


def survey_file(file: ModelFile, seed: int, folder: Path) -> dict[str, Any]:
    """The fields of a `bench.records.schema.trials.Survey`; answers and what is exported are written to `folder`.

    Args:
        file: the user's model.
        seed: of the inputs that are made up.
        folder: gets ``NAME.npz`` (`Answers`) and ``NAME.onnx``, or the reason why there is none.
    """
    try:
        return _survey_keras(file, seed, folder) if file.kind == "keras" else _survey_onnx(file, seed, folder)
    except DensebenchError as error:
        return {"accuracies": [], "weights": [], "answers": [], "failed": str(error)}


def make_graph(file: ModelFile, folder: Path) -> tuple[Path, dict[str, Any]]:
    """The graph of a user's file, in a folder as `survey_file` leaves it, and what that told.

    Raises:
        DensebenchError: the file does not load, is not exported, or its export does not answer as it does.
    """
    told, path = survey_file(file, MADE_UP_SEED, folder), folder / f"{file.name}.onnx"
    if reason := told.get("failed"):
        raise DensebenchError(f"{file.name} {reason}")
    if not path.exists():
        raise DensebenchError(f"{file.name}: {why_missing(path)}")
    return path, told


def why_missing(path: Path) -> str:
    """Why a survey has written no graph to this path."""
    why = path.with_suffix(WHY)
    return why.read_text(encoding="utf-8") if why.exists() else f"{path.stem} was not exported here"


def _survey_keras(file: ModelFile, seed: int, folder: Path) -> dict[str, Any]:
    loaded = keras_file.load(file, seed)
    size = loaded.batch_size(keras_file.SAMPLES)
    found: dict[str, Any] = {"accuracies": [], "weights": [], "inputs": describe_inputs(loaded.inputs)}
    exported, parity = [], None
    try:
        onnx = loaded.export()
        exported = answer_once(onnx.content, random_inputs(loaded.inputs, size, seed), None)
    except DensebenchError as error:
        (folder / f"{file.name}{WHY}").write_text(str(error), encoding="utf-8")
        parity = {"faults": [str(error)]}
    answers = loaded.answers(exported)
    if exported:
        parity = compare(exported, answers)
        if parity["faults"]:
            (folder / f"{file.name}{WHY}").write_text("; ".join(parity["faults"]), encoding="utf-8")
        else:
            _write_graph(folder / f"{file.name}.onnx", onnx.content, loaded.inputs)
            found |= {"graph": graph_digest(onnx.content), "operators": list(onnx.operators)}
    answers.save(folder / f"{file.name}.npz")
    return {**found, "answers": [digest(answers.own)], "exported": parity, "reference": answers.inexact}


def _write_graph(path: Path, content: bytes, inputs: Sequence[Input]) -> None:
    """Write a graph, and beside it what is made up for it."""
    path.write_bytes(content)
    path.with_suffix(INPUTS).write_text(json.dumps([asdict(one) for one in inputs]), encoding="utf-8")


def described_inputs(path: Path) -> list[Input]:
    """What is made up for a graph that a survey has written; nothing for another one."""
    return read_inputs(path) if path.with_suffix(INPUTS).exists() else []


def read_inputs(path: Path) -> list[Input]:
    """What is made up for a graph that a survey has written."""
    told = json.loads(path.with_suffix(INPUTS).read_text(encoding="utf-8"))
    return [Input(**{**fields, "shape": tuple(fields["shape"])}) for fields in told]


def _survey_onnx(file: ModelFile, seed: int, folder: Path) -> dict[str, Any]:
    proto = onnx_graph.read_graph(Path(file.path), file.name, file.shapes)
    inputs, content = onnx_graph.inputs_of(proto, file.shapes), Path(file.path).read_bytes()
    size = file.batch or onnx_graph.SAMPLES
    arrays = random_inputs(inputs, size, seed)
    found = answer_once(content, arrays, onnx_graph.outputs_of(proto))
    inexact = ""
    try:
        own, exact = onnx_graph.answer_exactly(proto, arrays)
    except DensebenchError as error:
        own, exact, inexact = found, found, str(error)
    Answers(own, exact, found, onnx_graph.most_terms(proto), inexact).save(folder / f"{file.name}.npz")
    _write_graph(folder / f"{file.name}.onnx", content, inputs)
    return {
        "accuracies": [],
        "weights": [],
        "answers": [digest(found)],
        "graph": graph_digest(content),
        "operators": [node.op_type for node in proto.graph.node],
        "inputs": describe_inputs(inputs),
        "reference": inexact,
    }
