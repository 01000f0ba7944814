"""Makes an environment slower in one place, for `tests.planted_causes`: `PYTHONPATH` leads an interpreter here.

``DENSEBENCH_PLANT=callback:300`` adds 300 µs of work to each step or call, in a callback. It says nothing of itself to
what explains: only the profile, the packages and the flags are there to be seen.
"""

from __future__ import annotations

import functools
import importlib.abc
import importlib.util
import os
import sys
import time
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from typing import Any

KIND, _, AMOUNT = os.environ.get("DENSEBENCH_PLANT", "").partition(":")
SECONDS = float(AMOUNT or 0) * 1e-6


def busy() -> None:
    """Keep the core at work."""
    end_s = time.perf_counter() + SECONDS
    while time.perf_counter() < end_s:
        pass


def callback(tf: Any) -> None:
    """A callback that takes long after each batch."""
    fit = tf.keras.Model.fit

    class Slow(tf.keras.callbacks.Callback):  # type: ignore[misc]  # TensorFlow ships no types
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002
            busy()

    def slow_fit(self: Any, *given: Any, callbacks: Any = (), **named: Any) -> Any:
        return fit(self, *given, callbacks=[*callbacks, Slow()], **named)

    tf.keras.Model.fit = slow_fit


def layer(tf: Any) -> None:
    """A layer whose Python takes long."""
    call = tf.keras.layers.Dense.call

    @functools.wraps(call)
    def slow_call(self: Any, *given: Any, **named: Any) -> Any:
        busy()
        return call(self, *given, **named)

    tf.keras.layers.Dense.call = slow_call


def dependency(_tf: Any) -> None:
    """NumPy, a little slower at making arrays."""
    import numpy as np

    asarray = np.asarray

    def slow_asarray(*given: Any, **named: Any) -> Any:
        busy()
        return asarray(*given, **named)

    np.asarray = slow_asarray


def operator(tf: Any) -> None:
    """A matrix product that is computed several times over."""
    matmul, times = tf.matmul, max(1, round(float(AMOUNT) / 100))

    def worse_matmul(a: Any, b: Any, *given: Any, **named: Any) -> Any:
        found = matmul(a, b, *given, **named)
        for number in range(times):
            found = found + 1e-30 * matmul(a + float(number), b, *given, **named)
        return found

    tf.matmul = tf.linalg.matmul = worse_matmul


def pipeline(tf: Any) -> None:
    """Batches that are waited for: each takes long, and none is made ahead."""

    def wait(*arrays: Any) -> Any:
        time.sleep(SECONDS)
        return arrays

    def slow_prefetch(self: Any, *_given: Any, **_named: Any) -> Any:
        kinds = tf.nest.map_structure(lambda one: one.dtype, self.element_spec)
        shapes = tf.nest.map_structure(lambda one: one.shape, self.element_spec)

        def waited(*arrays: Any) -> Any:
            found = tf.numpy_function(wait, tf.nest.flatten(arrays), tf.nest.flatten(kinds))
            for one, shape in zip(found, tf.nest.flatten(shapes)):  # noqa: B905  traced by older releases
                one.set_shape(shape)
            return tf.nest.pack_sequence_as(kinds, found)

        return self.map(waited)

    tf.data.Dataset.prefetch = slow_prefetch


def threads(tf: Any) -> None:
    """More threads than there are cores to run them."""
    several = tf.config.threading.set_intra_op_parallelism_threads, tf.config.threading.set_inter_op_parallelism_threads
    for name, set_threads in zip(("intra", "inter"), several, strict=True):
        setattr(
            tf.config.threading, f"set_{name}_op_parallelism_threads", lambda _count, of=set_threads: of(int(AMOUNT))
        )


PLANTS: dict[str, Callable[[Any], None]] = {
    "callback": callback,
    "layer": layer,
    "dependency": dependency,
    "operator": operator,
    "pipeline": pipeline,
    "threads": threads,
}


class AfterTensorFlow(importlib.abc.MetaPathFinder):
    """Plants once TensorFlow has been imported."""

    def find_spec(self, name: str, _path: Any, _target: Any = None) -> ModuleSpec | None:
        """The module's own spec, whose loader plants afterwards."""
        if name != "tensorflow":
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        if spec is None or spec.loader is None:
            return spec
        load = spec.loader.exec_module

        def load_and_plant(module: Any) -> None:
            load(module)
            PLANTS[KIND](module)

        spec.loader.exec_module = load_and_plant  # type: ignore[method-assign]
        return spec


if KIND in PLANTS:
    sys.meta_path.insert(0, AfterTensorFlow())
