"""The published recipes against the list of what the tutorials trained and printed."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from bench.data.datasets import DATASETS
from models.published import COMPARISONS, PUBLISHED, SECTIONS, Published

PARAMETERS = {
    "t1_single_dense": 7_850,
    "t1_deep_sigmoid": 79_510,
    "t1_deep_mlp_as_printed": 88_600,
    "t1_deep_mlp": 79_510,
    "t1_optimizers_sgd": 79_510,
    "t1_optimizers_sgd_fast": 79_510,
    "t1_optimizers_nesterov": 79_510,
    "t1_optimizers_adam": 79_510,
    "t1_overfit": 79_510,
    "t1_dropout": 79_510,
    "t1_dropout_early_stopping": 79_510,
    "t2_dropout_256_128": 235_146,
    "t3_mnist_512": 407_050,
    "t4_mnist_64_32": 52_650,
    "t4_fashion_first": 52_650,
    "t4_fashion_second": 121_450,
    "t4_scaling_min_max": 52_650,
    "t4_scaling_robust": 52_650,
    "t4_scaling_standard": 52_650,
    "t5_mlp_128": 101_770,
    "t5_mlp_128_corrected": 101_770,
}

DEEP_MLP = {
    **{
        f"training loss, epoch {epoch}": text
        for epoch, text in enumerate(("0.8167", "0.4167", "0.3710", "0.3345", "0.3218"), start=1)
    },
    **{
        f"training accuracy, epoch {epoch}": text
        for epoch, text in enumerate(("0.7495", "0.8520", "0.8665", "0.8790", "0.8816"), start=1)
    },
    "validation loss": "0.3423",
    "validation accuracy": "0.8785",
}
T5 = {
    "training loss, epoch 1": "0.4966",
    "training loss, epoch 10": "0.2401",
    "training accuracy, epoch 1": "0.8267",
    "training accuracy, epoch 10": "0.9104",
    "test loss": "0.3328",
    "test accuracy": "0.8863",
}
FIGURES: dict[str, dict[str, str]] = {
    "t1_logistic": {"cross-validation accuracy": "0.8195666666666668"},
    "t1_single_dense": {
        "training loss, epoch 1": "0.6326",
        "training loss, epoch 2": "0.4910",
        "training loss, epoch 3": "0.4656",
        "training loss, epoch 4": "0.4512",
        "training loss, epoch 5": "0.4417",
        "training accuracy, epoch 1": "0.7853",
        "training accuracy, epoch 2": "0.8344",
        "training accuracy, epoch 3": "0.8444",
        "training accuracy, epoch 4": "0.8499",
        "training accuracy, epoch 5": "0.8526",
        "validation loss": "0.4335",
        "validation accuracy": "0.8590",
    },
    "t1_deep_mlp_as_printed": DEEP_MLP,
    "t1_deep_mlp": DEEP_MLP,
    "t3_mnist_512": {
        "test loss": "0.06420930474996567",
        "test accuracy": "0.9801000356674194",
        "training probability of 1 for 3": "0.9999603",
    },
    "t4_mnist_64_32": {
        "training loss, epoch 30": "0.0081",
        "training accuracy, epoch 30": "0.9977",
        "validation loss": "0.1506",
        "validation accuracy": "0.9686",
        "test loss": "0.1319049060290734",
        "test accuracy": "0.9735",
        "test macro F1": "0.97",
        "test probability of 7 for 0": "0.99999356",
    },
    "t5_mlp_128": T5,
    "t5_mlp_128_corrected": T5,
}

# epochs, batch size, optimizer, loss, training images of the 60,000, validation images
PROTOCOLS = {
    "t1_single_dense": (5, 32, "rmsprop", "sparse_categorical_crossentropy", 38_400, 9_600),
    "t1_deep_sigmoid": (5, 32, "rmsprop", "sparse_categorical_crossentropy", 48_000, 12_000),
    "t1_deep_mlp": (5, 32, "adam", "sparse_categorical_crossentropy", 48_000, 12_000),
    "t1_overfit": (20, 32, "adam", "sparse_categorical_crossentropy", 48_000, 12_000),
    "t1_dropout": (20, 32, "adam", "sparse_categorical_crossentropy", 48_000, 12_000),
    "t2_dropout_256_128": (10, 128, "adam", "categorical_crossentropy", 48_000, 12_000),
    "t3_mnist_512": (5, 128, "rmsprop", "categorical_crossentropy", 60_000, 0),
    "t4_mnist_64_32": (30, 128, "adam", "categorical_crossentropy", 42_000, 18_000),
    "t4_fashion_second": (30, 128, "adam", "categorical_crossentropy", 42_000, 18_000),
    "t5_mlp_128": (10, 32, "adam", "sparse_categorical_crossentropy", 60_000, 0),
}


@pytest.mark.parametrize("name", PUBLISHED)
def test_the_figures_are_those_that_the_tutorials_printed_digit_by_digit(name: str) -> None:
    found = {}
    for figure in PUBLISHED[name].figures:
        label = f"{figure.part} {figure.metric}"
        label += f", epoch {figure.epoch}" if figure.epoch else ""
        label += f" of {figure.label} for {figure.image}" if figure.metric == "probability" else ""
        found[label] = figure.text
    assert found == FIGURES.get(name, {})


@pytest.mark.parametrize("name", PARAMETERS)
def test_the_models_have_as_many_parameters_as_the_tutorials_say(name: str, tf: Any) -> None:
    model = PUBLISHED[name].recipe.build(tf.keras)
    assert sum(math.prod(weight.shape) for weight in model.trainable_weights) == PARAMETERS[name]


@pytest.mark.parametrize("name", PROTOCOLS)
def test_the_protocols_are_the_tutorials(name: str) -> None:
    training = PUBLISHED[name].recipe.training
    images, validation = 60_000, 0
    holdout = training.holdout
    for _ in range(holdout.times if holdout else 0):
        validation = math.ceil(images * holdout.fraction) if holdout else 0
        images -= validation
    found = (training.epochs, training.batch_size, training.optimizer, training.loss, images, validation)
    assert found == PROTOCOLS[name]


def test_every_row_of_the_tutorials_is_a_recipe_under_its_own_name() -> None:
    assert set(PARAMETERS) | {"t1_logistic"} == set(PUBLISHED)
    assert [one.recipe.name for one in PUBLISHED.values()] == list(PUBLISHED)


@pytest.mark.parametrize("published", PUBLISHED.values(), ids=PUBLISHED)
def test_a_recipe_has_a_floor_for_the_data_set_of_its_tutorial(published: Published) -> None:
    assert published.dataset in DATASETS
    assert 0.5 < published.recipe.accuracy_floors[published.dataset] < 1
    assert not published.recipe.training.validate_each_epoch or published.recipe.training.holdout


def test_the_mistaken_loss_and_its_correction_differ_in_nothing_else() -> None:
    as_published, corrected = (PUBLISHED[name].recipe.training for name in ("t5_mlp_128", "t5_mlp_128_corrected"))
    assert as_published.from_logits
    assert not corrected.from_logits
    assert PUBLISHED["t5_mlp_128"].recipe.build is PUBLISHED["t5_mlp_128_corrected"].recipe.build


def test_what_is_compared_exists() -> None:
    assert {name for names in COMPARISONS.values() for name in names} <= set(PUBLISHED)


def test_every_file_of_published_recipes_has_its_place_in_the_order() -> None:
    files = {path.stem for path in (Path(__file__).parent.parent / "models" / "published").glob("t[0-9]*.py")}
    assert {section.__name__.rpartition(".")[2] for section in SECTIONS} == files
