"""What a case runs: prepared once in a process, warm, and then repeated in turns of single steps or calls.

Nothing here is imported before TensorFlow, whose import is measured.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.data.splits import scale
from bench.errors import DensebenchError, Unavailable
from bench.host.devices import Device
from bench.host.timing import no_garbage_collection
from bench.inference.export import OnnxModel
from bench.inference.onnx_session import make_batch, open_session, primed_call
from bench.inference.own_models.session import made_up_call
from bench.inference.own_models.survey import read_inputs, why_missing
from bench.training.compiled_fit import CompiledFit
from bench.training.describe import CannotCompile
from bench.trials.explaining.runtime_profiles import profile_nodes, profile_program
from bench.trials.injections import Lengthening, unchanged
from bench.trials.subjects import Subject, make_subject

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bench.data.datasets import Dataset
    from bench.inference.own_models.file import ModelFile
    from bench.records.cases import Case

FEW = 10
"""Steps or calls of a turn that warms up."""
CHUNK = 10
"""Steps of the compiled loop between two looks at the clock: about as long as a core keeps its speed."""


@dataclass(frozen=True, slots=True, eq=False)
class Setting:
    """What the cases of a process are measured with.

    Attributes:
        dataset: whose images the ladder trains on and is asked about.
        seed: of the models' weights, the order of the images, and of what is made up.
        folder: where the exported models of an environment lie.
        files: the user's own models, by name.
    """

    dataset: Dataset
    seed: int
    folder: Path
    files: Mapping[str, ModelFile]


@dataclass(frozen=True, slots=True)
class Turn:
    """What one turn of a case measured.

    Attributes:
        values_s: seconds per step or call.
        mean_s: seconds of the whole turn per step or call, with what lies between them.
    """

    values_s: Sequence[float]
    mean_s: float


@dataclass(frozen=True, slots=True)
class Workload:
    """A case that is warm.

    Attributes:
        turn: takes so many steps or calls, and what is injected into each.
        first_s: seconds of the very first step or call, with tracing and compilation.
        profile: where so many steps or calls spend their time, as the runtime tells it; ``None`` where a profile of
            Python tells it.
    """

    turn: Callable[[int, Lengthening], Turn]
    first_s: float
    profile: Callable[[int], dict[str, Any]] | None = None


def prepare(case: Case, setting: Setting, stack: ExitStack) -> Workload:
    """Prepare a case of a model.

    Args:
        case: what is measured.
        setting: what it is measured with.
        stack: closes what stays open until the process ends.

    Raises:
        Unavailable: this environment does not have the case.
        DensebenchError: it is no case of a trial.
    """
    if case.stage == "infer":
        return _infer(case, setting, stack)
    if case.stage not in {"train", "call", "predict"}:
        raise DensebenchError(f"{case.name} is no case of a trial")
    subject = make_subject(case.recipe, setting.files, setting.dataset, setting.seed)
    if case.stage == "train":
        return _fit(subject) if case.trainer == "fit" else _compiled(subject, setting.seed)
    return _answers(case, subject)


def _fit(subject: Subject) -> Workload:
    """Keras's `fit`, timed from the end of one step to the end of the next; the mean has the rest of the epoch, too."""
    import tensorflow as tf

    arrays = tf.nest.map_structure(tf.constant, _as_tuples(subject.training_data()))
    ends_s: list[float] = []
    """Of the steps, after the beginning of the first."""
    lengthening: list[Lengthening] = [unchanged]

    class Clock(tf.keras.callbacks.Callback):  # type: ignore[misc]  # TensorFlow ships no types
        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:  # noqa: ARG002
            _lengthen(ends_s[-1], lengthening[0](batch))
            ends_s.append(time.perf_counter())

    def run(steps: int) -> float:
        batches = _batches(tf, arrays, steps, subject.batch_size)
        with no_garbage_collection():
            ends_s[:] = [time.perf_counter()]
            subject.model.fit(batches, epochs=1, shuffle=False, verbose=0, callbacks=[Clock()])
            return time.perf_counter() - ends_s[0]

    def turn(steps: int, injected: Lengthening) -> Turn:
        lengthening[0] = injected
        epoch_s = run(steps)
        return Turn(np.diff(ends_s[1:]).tolist(), epoch_s / steps)

    run(FEW)
    return Workload(turn, ends_s[1] - ends_s[0])


def _as_tuples(value: Any) -> Any:
    """The same with tuples for lists: `tf.data` takes a list for one array."""
    return tuple(map(_as_tuples, value)) if isinstance(value, (list, tuple)) else value


def _batches(tf: Any, arrays: Any, steps: int, size: int) -> Any:
    """The first `steps` batches in order, again from the start where there are fewer, as a `tf.data.Dataset`."""
    count = len(tf.nest.flatten(arrays)[0])
    rows = tf.data.Dataset.range(steps * size).batch(size, drop_remainder=True)
    batches = rows.map(lambda chosen: tf.nest.map_structure(lambda one: tf.gather(one, chosen % count), arrays))
    return batches.prefetch(1).with_options(_untuned(tf))


def _untuned(tf: Any) -> Any:
    """Options of a `tf.data.Dataset` that does not tune itself.

    At its end, Keras waits for the thread that tunes, which sleeps 10, 20, 40, ... ms at a time.
    """
    options = tf.data.Options()
    options.autotune.enabled = False
    return options


def _compiled(subject: Subject, seed: int) -> Workload:
    """The compiled loop, `CHUNK` steps at a time."""
    start_s = time.perf_counter()
    try:
        fit = CompiledFit(subject.model, subject.class_numbers(), batch_size=subject.batch_size, epochs=1, seed=seed)
    except CannotCompile as reason:
        raise Unavailable(str(reason)) from None
    take = fit.stepper()
    take(CHUNK)
    first_s = time.perf_counter() - start_s

    def turn(steps: int, injected: Lengthening) -> Turn:
        def of_chunk(number: int) -> float:
            return sum(injected(number * CHUNK + step) for step in range(CHUNK)) / CHUNK

        timed = _time_calls(lambda: take(CHUNK), max(1, steps // CHUNK), of_chunk)
        return Turn([value_s / CHUNK for value_s in timed.values_s], timed.mean_s / CHUNK)

    program = cache(fit.optimized_program)

    def profile(steps: int) -> dict[str, Any]:
        chunks = max(1, steps // CHUNK)
        return profile_program(lambda: [take(CHUNK) for _ in range(chunks)], chunks * CHUNK, program())

    return Workload(turn, first_s, profile)


def _answers(case: Case, subject: Subject) -> Workload:
    """Direct calls of the Keras model, or its `predict`, which gets its batch as a `tf.data.Dataset`.

    Of 45 ms that `predict` takes for an array of 32 images, 1.2 ms are its own; in the rest, Keras makes such a dataset
    anew and waits for the thread that tunes it.
    """
    import tensorflow as tf

    model, batch = subject.model, subject.batch(case.batch_size)
    if case.stage == "predict":
        given = _as_tuples(batch)
        constant = tf.nest.map_structure(tf.constant, (given,) if isinstance(given, tuple) else given)
        batches = tf.data.Dataset.from_tensors(constant).with_options(_untuned(tf))
        return _calls(lambda: model.predict(batches, verbose=0))
    return _calls(lambda: tf.nest.map_structure(np.asarray, model(batch, training=False)))


def _infer(case: Case, setting: Setting, stack: ExitStack) -> Workload:
    """Calls of the exported model in ONNX Runtime; of the user's own models with made-up input."""
    path = setting.folder / f"{case.recipe}.onnx"
    if not path.exists():
        raise Unavailable(why_missing(path))
    device, content = Device("cpu", case.threads), path.read_bytes()
    session = stack.enter_context(open_session(OnnxModel(content, ()), device, threads=case.threads))

    def make_call(of: Any) -> Callable[[], object]:
        if case.recipe in setting.files:
            return made_up_call(of, read_inputs(path), case.batch_size, setting.seed)
        return primed_call(of, make_batch(scale(setting.dataset.test_images), case.batch_size))

    workload = _calls(make_call(session))
    return replace(
        workload, profile=lambda count: profile_nodes(content, device.provider, case.threads, make_call, count)
    )


def _calls(call: Callable[[], object]) -> Workload:
    start_s = time.perf_counter()
    call()
    first_s = time.perf_counter() - start_s
    return Workload(lambda count, injected: _time_calls(call, count, injected), first_s)


def _time_calls(call: Callable[[], object], count: int, injected: Lengthening) -> Turn:
    """Each of `count` calls by itself."""
    values_s = []
    with no_garbage_collection():
        begin_s = time.perf_counter()
        for number in range(count):
            share = injected(number)
            start_s = time.perf_counter()
            call()
            _lengthen(start_s, share)
            values_s.append(time.perf_counter() - start_s)
        return Turn(values_s, (time.perf_counter() - begin_s) / count)


def _lengthen(start_s: float, share: float, cost_s: float | None = None) -> None:
    """Keep the core busy for a share of the time since `start_s`; what doing so costs by itself is part of it."""
    if share <= 0:
        return
    now_s = time.perf_counter()
    end_s = now_s + share * (now_s - start_s) - (_cost_s() if cost_s is None else cost_s)
    while time.perf_counter() < end_s:
        pass


@cache
def _cost_s() -> float:
    """Seconds by which a call of `_lengthen` that lengthens by next to nothing takes longer than one that does not."""
    costs_s = []
    for share in (0.0, 1e-9):
        values_s = []
        for _ in range(2000):
            start_s = time.perf_counter()
            _lengthen(start_s, share, 0.0)
            values_s.append(time.perf_counter() - start_s)
        costs_s.append(sorted(values_s)[len(values_s) // 2])
    return costs_s[1] - costs_s[0]


def quantiles(values: Sequence[float], shares: Sequence[float]) -> Iterator[float]:
    """Yield the quantiles of values at some shares (0-1), each a value that was measured."""
    ordered = sorted(values)
    for share in shares:
        yield ordered[int(share * len(ordered))]
