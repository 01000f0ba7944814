"""The user's own models in a run of the suite: loaded and exported once, and compared with their exact answers."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.errors import DensebenchError, InvalidRow
from bench.inference.export import OnnxModel
from bench.inference.own_models.answers import Answers, compare
from bench.inference.own_models.inputs import MADE_UP_SEED, random_inputs
from bench.inference.own_models.survey import make_graph, read_inputs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    from bench.inference.own_models.file import ModelFile
    from bench.inference.own_models.inputs import Input


@dataclass(frozen=True, slots=True, eq=False)
class OwnModel:
    """A user's model as a graph.

    Attributes:
        inputs: what is made up for it.
        answers: what it is to answer to the inputs that `arrays` returns.
    """

    file: ModelFile
    onnx: OnnxModel
    inputs: Sequence[Input]
    answers: Answers

    def arrays(self) -> list[NDArray[Any]]:
        """Made-up inputs, as many as `answers` are of."""
        shape = self.answers.own[0].shape
        return random_inputs(self.inputs, shape[0] if shape else 1, MADE_UP_SEED)

    def certify(self, got: Sequence[NDArray[Any]]) -> dict[str, Any]:
        """The fields of a `bench.records.schema.rows.Parity` of a runtime's answers to `arrays`."""
        return compare(got, self.answers)


@dataclass
class OwnModels:
    """The user's models of a run, each brought to a graph when it is first asked for."""

    files: Mapping[str, ModelFile]
    _found: dict[str, OwnModel | InvalidRow] = field(default_factory=dict)

    def get(self, name: str) -> OwnModel:
        """A model by name.

        Raises:
            InvalidRow: it does not load, is not exported, or its export does not answer as it does.
        """
        if name not in self._found:
            try:
                self._found[name] = self._make(self.files[name])
            except DensebenchError as error:
                self._found[name] = InvalidRow([str(error)])
        found = self._found[name]
        if isinstance(found, InvalidRow):
            raise InvalidRow(found.faults)
        return found

    def path(self, name: str) -> Path:
        """Where the graph of a model that `get` has returned lies, with what is made up for it beside it."""
        return self._folder / f"{name}.onnx"

    def _make(self, file: ModelFile) -> OwnModel:
        path, told = make_graph(file, self._folder)
        onnx = OnnxModel(path.read_bytes(), tuple(told["operators"]))
        return OwnModel(file, onnx, read_inputs(path), Answers.load(path.with_suffix(".npz")))

    @cached_property
    def _folder(self) -> Path:
        self._kept = tempfile.TemporaryDirectory()  # until this process ends
        return Path(self._kept.name)
