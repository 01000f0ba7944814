"""Keras and TensorFlow runtimes, on the model in Keras's own format."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bench.host.devices import Device, start_tensorflow

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from bench.inference.runtimes.runtime import Answer


def load_predict(path: Path, threads: int, imported: Callable[[], None]) -> Answer:
    """Load the model; answers by Keras's `predict`, in batches of up to 1000."""
    tf, model = _load(path, threads, imported)
    return lambda *arrays: _numpy(tf, model.predict(_given(arrays), batch_size=1000, verbose=0))


def load_call(path: Path, threads: int, imported: Callable[[], None]) -> Answer:
    """Load the model; answers by calling it directly, layer by layer."""
    tf, model = _load(path, threads, imported)
    return lambda *arrays: _numpy(tf, model(_given(arrays), training=False))


def load_function(path: Path, threads: int, imported: Callable[[], None]) -> Answer:
    """Load the model as a `tf.function`: one graph for all batch sizes."""
    return _traced(path, threads, imported, jit_compile=False)


def load_xla(path: Path, threads: int, imported: Callable[[], None]) -> Answer:
    """Load the model as a `tf.function` with XLA, which compiles it for each batch size."""
    return _traced(path, threads, imported, jit_compile=True)


def _load(path: Path, threads: int, imported: Callable[[], None]) -> tuple[Any, Any]:
    tf = start_tensorflow(Device("cpu", threads))
    tf.keras.Sequential  # noqa: B018  releases that load Keras late load it now
    imported()
    return tf, tf.keras.models.load_model(path, compile=False)


def _traced(path: Path, threads: int, imported: Callable[[], None], *, jit_compile: bool) -> Answer:
    tf, model = _load(path, threads, imported)
    signature = [tf.TensorSpec(one.shape, one.dtype) for one in model.inputs]
    function = tf.function(
        lambda *arrays: model(_given(arrays), training=False),
        input_signature=signature,
        jit_compile=jit_compile,
        autograph=False,
    )

    return lambda *arrays: _numpy(tf, function(*map(tf.constant, arrays)))


def _given(arrays: Sequence[Any]) -> Any:
    """Inputs as Keras takes them: one by itself, several in a list."""
    return arrays[0] if len(arrays) == 1 else list(arrays)


def _numpy(tf: Any, output: Any) -> Any:
    """An output as an array; several as a list."""
    if isinstance(output, (list, tuple, dict)):
        return [np.asarray(one) for one in tf.nest.flatten(output)]
    return np.asarray(output)
