"""SavedModels where Keras does not load them (Keras 3): the serving signature, which answers and is not trained."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.errors import DensebenchError, Unavailable

if TYPE_CHECKING:
    from collections.abc import Sequence

SIGNATURE = "serving_default"


@dataclass(frozen=True, slots=True)
class Declared:
    """An input as a Keras model declares its own."""

    name: str
    shape: Sequence[int | None]
    dtype: str


class ServedModel:
    """What a SavedModel serves, with as much of a Keras model's interface as is asked of it here.

    Args:
        path: the folder.

    Raises:
        DensebenchError: it serves nothing.
    """

    optimizer = None
    layers: Sequence[Any] = ()

    def __init__(self, path: str) -> None:
        import tensorflow as tf

        self._loaded = tf.saved_model.load(path)  # what is loaded lives as long as its signature is used
        if SIGNATURE not in self._loaded.signatures:
            raise DensebenchError(f"does not load: the SavedModel has no signature {SIGNATURE!r}")
        self._serve = self._loaded.signatures[SIGNATURE]
        specs = self._serve.structured_input_signature[1]
        self.inputs = [Declared(name, spec.shape.as_list(), spec.dtype.name) for name, spec in sorted(specs.items())]
        self.weights = list(self._serve.variables)

    def __call__(self, batch: Any, *, training: bool = False) -> list[Any]:  # noqa: ARG002  as Keras calls it
        """The outputs, by name, for an array or a list of arrays in the order of `inputs`."""
        import tensorflow as tf

        arrays = batch if isinstance(batch, list) else [batch]
        given = {one.name: tf.convert_to_tensor(array) for one, array in zip(self.inputs, arrays, strict=True)}
        answers = self._serve(**given)
        return [answers[name] for name in sorted(answers)]

    def to_json(self) -> str:
        """Raises Unavailable: there are no layers."""
        raise Unavailable("a SavedModel has no layers")

    def predict(self, *_arguments: Any, **_named: Any) -> None:
        """Raises Unavailable: that is Keras's."""
        raise Unavailable("this Keras does not load a SavedModel: only what it serves is asked")
