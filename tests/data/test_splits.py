"""Splits and scalings against what scikit-learn and Keras do with the same arguments."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from sklearn import preprocessing
from sklearn.model_selection import train_test_split

from bench.data.datasets import Dataset, load_dataset
from bench.data.splits import apply_scaling, make_split, scale
from bench.training.keras_model import fold_scaling
from models import RECIPES, Holdout

if TYPE_CHECKING:
    from models.recipe import Scaling

TRAINING = replace(RECIPES["deep_mlp"].training, holdout=None)


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return load_dataset("digits")


def test_without_a_holdout_every_image_is_trained_on(dataset: Dataset) -> None:
    split = make_split(dataset, TRAINING)
    assert len(split.train_labels) == len(dataset.train_labels)
    assert len(split.validation_labels) == 0


def test_a_second_split_is_taken_from_what_the_first_left(dataset: Dataset) -> None:
    split = make_split(dataset, replace(TRAINING, holdout=Holdout(times=2)))
    labels = dataset.train_labels
    for _ in range(2):
        labels, validation = train_test_split(labels, test_size=0.2, random_state=42)
    np.testing.assert_array_equal(split.train_labels, labels)
    np.testing.assert_array_equal(split.validation_labels, validation)


def test_without_a_random_state_the_last_images_are_split_off_as_keras_does(dataset: Dataset) -> None:
    split = make_split(dataset, replace(TRAINING, holdout=Holdout(0.2, random_state=None)))
    kept = int(len(dataset.train_labels) * (1 - 0.2))
    np.testing.assert_array_equal(split.train_labels, dataset.train_labels[:kept])
    np.testing.assert_array_equal(split.validation_images, scale(dataset.train_images[kept:]))


@pytest.mark.parametrize("kind", ["min-max", "robust", "standard"])
def test_scaling_is_scikit_learns_fitted_on_the_training_images(dataset: Dataset, kind: Scaling) -> None:
    unscaled = make_split(dataset, replace(TRAINING, holdout=Holdout()))
    split = make_split(dataset, replace(TRAINING, holdout=Holdout(), scaling=kind))
    names = {"min-max": "MinMaxScaler", "robust": "RobustScaler", "standard": "StandardScaler"}
    scaler = getattr(preprocessing, names[kind])().fit(unscaled.train_images.astype(np.float64))
    np.testing.assert_allclose(split.train_images, scaler.transform(unscaled.train_images), atol=1e-5)
    np.testing.assert_allclose(split.validation_images, scaler.transform(unscaled.validation_images), atol=1e-5)


@pytest.mark.parametrize("kind", ["min-max", "robust", "standard"])
def test_a_model_with_folded_scaling_answers_unscaled_images_as_it_did_scaled_ones(
    dataset: Dataset, kind: Scaling, tf: Any
) -> None:
    keras = tf.keras
    keras.utils.set_random_seed(0)
    model = RECIPES["deep_mlp"].build(keras)
    scaling = make_split(dataset, replace(TRAINING, scaling=kind)).scaling
    images = scale(dataset.test_images)
    assert scaling is not None
    before = np.asarray(model(apply_scaling(scaling, images)))
    assert np.abs(before - np.asarray(model(images))).max() > 0.01
    fold_scaling(model, scaling)
    np.testing.assert_allclose(np.asarray(model(images)), before, atol=1e-5)
