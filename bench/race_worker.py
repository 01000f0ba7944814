"""One side of a race, in a process of its own: `bench.race` starts it, and its answer on standard output is a `Lap`."""

from __future__ import annotations

import json
import sys
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.datasets import load_dataset
from bench.devices import Device, claim_device, parse_device, start_tensorflow
from bench.errors import DensebenchError
from bench.formats import format_accuracy
from bench.splits import Split, make_split, scale
from bench.trained import score
from bench.trainers.compiled_fit import CompiledFit
from bench.trainers.describe import CannotCompile
from bench.trainers.keras_fit import targets
from bench.trainers.keras_model import accept_published_losses, as_trained, build_model, make_loss
from models import RECIPES
from models.published import PUBLISHED

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from numpy.typing import NDArray

    from models import Recipe, Training

RACES: dict[str, Recipe] = {
    "t5_mlp_128": PUBLISHED["t5_mlp_128"].recipe,
    "deep_mlp": RECIPES["deep_mlp"],
}
"""What is raced, in display order: protocols without validation or early stopping inside their fit."""

SIDES = ("fit", "compiled")
MORE_EPOCHS = 3
"""The compiled side may train for this many times the protocol's epochs before it has lost."""

REHEARSAL = "--rehearse"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """What one worker is asked to do; it crosses the process boundary as JSON.

    Attributes:
        side: one of `SIDES`.
        recipe: a key of `RACES`.
        goal: stop after the first epoch whose test accuracy (0-1) is at least this; ``None`` trains the whole protocol.
        started_ns: the monotonic clock, one for all processes of a Linux machine, when the worker was started.
    """

    side: str
    recipe: str
    seed: int
    dataset: str
    data_dir: str | None
    device: str
    quick: bool
    goal: float | None = None
    started_ns: int = 0

    @property
    def name(self) -> str:
        """``fit deep_mlp, seed 0``."""
        return f"{self.side} {self.recipe}, seed {self.seed}"

    @property
    def training(self) -> Training:
        """The protocol, with as many epochs as this side may take."""
        training = RACES[self.recipe].training
        training = training.quick() if self.quick else training
        return replace(training, epochs=training.epochs * (1 if self.goal is None else MORE_EPOCHS))


@dataclass(frozen=True, slots=True, kw_only=True)
class Lap:
    """What one worker did, and when. All seconds count from the start of its process, without the scoring in between.

    Attributes:
        imported_s: Python and every package are loaded.
        loaded_s: the arrays are there, checked, scaled and split.
        ready_s: the model is built, and compiled or traced: Keras's `fit` has done its first step by then.
        epoch_ends_s: one per epoch.
        test_accuracies: after each epoch, over every test image.
    """

    imported_s: float
    loaded_s: float
    ready_s: float
    epoch_ends_s: Sequence[float]
    test_accuracies: Sequence[float]


class Stopwatch:
    """Seconds since a moment of the past, without those in which it was paused.

    Args:
        started_ns: that moment, as `clock_ns` tells it.
        clock_ns: returns nanoseconds that only grow.
    """

    def __init__(self, started_ns: int, clock_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self._started_ns = started_ns
        self._clock_ns = clock_ns

    def read_s(self) -> float:
        """The seconds so far."""
        return (self._clock_ns() - self._started_ns) / 1e9

    @contextmanager
    def paused(self) -> Iterator[None]:
        """What happens inside takes no time."""
        paused_ns = self._clock_ns()
        try:
            yield
        finally:
            self._started_ns += self._clock_ns() - paused_ns


class Referee:
    """Notes when each epoch ended, and scores the test images while the watch stands still."""

    def __init__(self, entry: Entry, watch: Stopwatch, images: NDArray[np.float32], labels: NDArray[np.int64]) -> None:
        self._entry, self._watch, self._test = entry, watch, (images, labels)
        self.epoch_ends_s: list[float] = []
        self.test_accuracies: list[float] = []

    def end_epoch(self, model: Any, loss: float) -> None:
        """Score the model, and stop its training where the goal is reached."""
        self.epoch_ends_s.append(self._watch.read_s())
        with self._watch.paused():
            accuracy = self._score(model, loss)
        self.test_accuracies.append(accuracy)
        if self._entry.goal is not None and accuracy >= self._entry.goal:
            model.stop_training = True

    def _score(self, model: Any, loss: float) -> float:
        entry = self._entry
        trained = as_trained(RACES[entry.recipe], entry.seed, trainer=entry.side, model=model, history={"loss": [loss]})
        if not trained.placed_on.startswith(parse_device(entry.device).kind.upper()):
            raise DensebenchError(f"claimed {entry.device}, but computed on {trained.placed_on}")
        accuracy = score(trained, *self._test)
        epoch = f"epoch {len(self.epoch_ends_s)}/{entry.training.epochs}"
        tell(f"{entry.name}: {epoch}, test accuracy {format_accuracy(accuracy)}")
        return accuracy


def run_lap(entry: Entry, watch: Stopwatch) -> Lap:
    """One side of a race, from the imports to its last epoch."""
    tf = import_frameworks(parse_device(entry.device))
    imported_s = watch.read_s()
    dataset = load_dataset(entry.dataset, Path(entry.data_dir) if entry.data_dir else None)
    split = make_split(dataset, entry.training)
    referee = Referee(entry, watch, scale(dataset.test_images), dataset.test_labels.astype(np.int64))
    loaded_s = watch.read_s()
    train = {"fit": train_with_fit, "compiled": train_compiled}[entry.side]
    ready_s = train(tf, entry, split, watch=watch, referee=referee)
    return Lap(
        imported_s=imported_s,
        loaded_s=loaded_s,
        ready_s=ready_s,
        epoch_ends_s=referee.epoch_ends_s,
        test_accuracies=referee.test_accuracies,
    )


def import_frameworks(device: Device) -> Any:
    """The `tensorflow` module on its device, with Keras, which it loads late, and what cuts the data sets."""
    claim_device(device)
    tf = start_tensorflow(device)
    import sklearn.model_selection  # noqa: F401, PLC0415  slow to import, and it loads OpenMP: after the claim

    tf.keras.Sequential  # noqa: B018  the first look at `tf.keras` is what imports it
    # The tutorial's mistake, which its recipe tells of.
    accept_published_losses()
    return tf


def train_with_fit(tf: Any, entry: Entry, split: Split, *, watch: Stopwatch, referee: Referee) -> float:
    """Train as a tutorial does, silently; when its first step was over.

    Nothing is primed and nothing is chosen that `compile` and `fit` choose themselves.
    """
    recipe, training = RACES[entry.recipe], entry.training
    tf.keras.utils.set_random_seed(entry.seed)
    model = recipe.build(tf.keras)
    model.compile(optimizer=training.optimizer, loss=make_loss(tf.keras, training), metrics=["accuracy"])
    second_steps_s: list[float] = []

    def begin_batch(batch: int, logs: Any = None) -> None:  # noqa: ARG001  Keras names it
        # The end of the first batch would do, but whoever listens to ends makes Keras wait for each of them.
        if batch == 1 and not second_steps_s:
            second_steps_s.append(watch.read_s())

    model.fit(
        split.train_images,
        targets(split.train_labels, training.loss),
        epochs=training.epochs,
        batch_size=training.batch_size,
        verbose=0,
        callbacks=[
            tf.keras.callbacks.LambdaCallback(
                on_train_batch_begin=begin_batch,
                on_epoch_end=lambda _epoch, logs: referee.end_epoch(model, logs["loss"]),
            )
        ],
    )
    return second_steps_s[0]


def train_compiled(tf: Any, entry: Entry, split: Split, *, watch: Stopwatch, referee: Referee) -> float:
    """Train with the compiled trainer until the goal is reached; when the program was compiled."""
    training = entry.training
    model = build_model(RACES[entry.recipe], training, entry.seed)
    fit = CompiledFit(
        model,
        (split.train_images, split.train_labels),
        batch_size=training.batch_size,
        epochs=training.epochs,
        seed=entry.seed,
        callbacks=[
            tf.keras.callbacks.LambdaCallback(on_epoch_end=lambda _epoch, logs: referee.end_epoch(model, logs["loss"]))
        ],
    )
    ready_s = watch.read_s()
    fit.run()
    return ready_s


def tell(text: str) -> None:
    """Show a line of progress; whoever started this process passes it on."""
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def main(words: Sequence[str]) -> int:
    """The exit status of one worker.

    Args:
        words: an `Entry` as JSON; or `REHEARSAL`, which imports what the others will, so that every one of them finds
            the byte-code written and the files in memory.
    """
    if list(words) == [REHEARSAL]:
        import_frameworks(parse_device("cpu"))
        return 0
    entry = Entry(**json.loads(words[0]))
    try:
        lap = run_lap(entry, Stopwatch(entry.started_ns))
    except (DensebenchError, CannotCompile) as error:
        tell(f"error: {error}")
        return 1
    sys.stdout.write(f"{json.dumps(asdict(lap))}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
