"""Training: each timed round is one whole fit from a fresh seed.

Building, compiling, tracing, data preparation and scoring stay outside the clock; the first steps' seconds are stored
separately, and every test image is scored.
"""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bench.errors import InvalidRow
from bench.formats import format_accuracy, format_duration
from bench.records.schema.suite import TrainRecord

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.commands.suite.model_store import ModelStore
    from bench.commands.suite.recorder import Recorder
    from bench.trained import Fit, Trained
    from models import Recipe


@dataclass(frozen=True, slots=True)
class Outcome:
    """One finished training with its score."""

    trained: Trained
    test_accuracy: float
    first_step_s: float | None


def test_train(benchmark: Any, recipe: Recipe, model_store: ModelStore, recorder: Recorder, case: str) -> None:
    """Time one whole training per seed."""
    with recorder.measuring(
        benchmark,
        TrainRecord,
        case,
        recipe=recipe.name,
        batch_size=model_store.training(recipe).batch_size,
        threads=model_store.device.threads,
    ) as fields:
        try:
            outcomes = train_each_seed(benchmark, recipe, model_store, tell=lambda text: recorder.say(case, text))
        except Exception as error:
            model_store.refuse(recipe, f"{recipe.name} was not trained: {error}")
            raise
        model_store.keep(outcomes[0].trained)
        fields.update(training_info(model_store, recipe, outcomes))
        if faults := [fault for one in outcomes for fault in model_store.faults(one.trained, one.test_accuracy)]:
            raise InvalidRow(faults)
    if not benchmark.disabled:
        took = format_duration(statistics.median(benchmark.stats.stats.data))
        accuracies = ", ".join(format_accuracy(outcome.test_accuracy) for outcome in outcomes)
        recorder.conclude(case, f"{took} a fit, test accuracy {accuracies}")


def train_each_seed(
    benchmark: Any, recipe: Recipe, model_store: ModelStore, *, tell: Callable[[str], None]
) -> list[Outcome]:
    """The outcome of one timed training per seed, in the order of seeds."""
    seeds, epochs = model_store.seeds, model_store.training(recipe).epochs
    outcomes: list[Outcome] = []
    current: list[Fit] = []  # one at a time: a fit holds its arrays

    def prepare() -> tuple[tuple[Fit], dict[str, Any]]:
        position = f"seed {len(outcomes) + 1}/{len(seeds)}"
        tell(f"{position}, preparing")
        current[:] = [
            model_store.prepare(
                recipe,
                seeds[len(outcomes)],
                on_epoch=lambda epoch: tell(f"{position}, epoch {epoch}/{epochs} done"),
            )
        ]
        return (current[0],), {}

    def score(fit: Fit) -> None:
        trained = fit.finish()
        outcomes.append(Outcome(trained, model_store.score(trained), fit.first_step_s))

    benchmark.pedantic(run, setup=prepare, teardown=score, rounds=len(seeds), iterations=1)
    if benchmark.disabled:  # pytest-benchmark then runs one round and no teardown
        score(current[0])
    return outcomes


def run(fit: Fit) -> None:
    """The timed region: one fit."""
    fit.run()


def training_info(model_store: ModelStore, recipe: Recipe, outcomes: list[Outcome]) -> dict[str, Any]:
    """The fields of a training row that the trainings tell."""
    trained = [outcome.trained for outcome in outcomes]
    return {
        "trainer": trained[0].trainer,
        "framework": recipe.framework,
        "backend": trained[0].backend,
        "seeds": [one.seed for one in trained],
        "test_accuracies": [outcome.test_accuracy for outcome in outcomes],
        "test_images": len(model_store.test_labels),
        "train_images": len(model_store.split(recipe).train_labels),
        "validation_images": len(model_store.split(recipe).validation_labels),
        "epochs_run": [one.epochs_run for one in trained],
        "parameters": trained[0].parameters,
        "first_step_s": [outcome.first_step_s for outcome in outcomes],
        "placed_on": [one.placed_on for one in trained],
        "converged": [one.converged for one in trained],
        "histories": [dict(one.history) for one in trained],
    }
