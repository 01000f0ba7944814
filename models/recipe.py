"""Recipe of a model: its architecture, training protocol and accuracy floors, independent of measuring."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

QUICK_EPOCHS = 2
QUICK_TRAIN_IMAGES = 12_000
QUICK_FLOOR = 0.3
"""Three times chance: a quick run trains too little for a recipe's own floor, but it must have trained."""


@dataclass(frozen=True, slots=True)
class EarlyStopping:
    """Stop when the validation loss has not fallen for `patience` epochs, and restore the best epoch's weights."""

    patience: int


@dataclass(frozen=True, slots=True)
class Holdout:
    """The split of validation images off the training images.

    Attributes:
        fraction: of the images, to be split off.
        random_state: as scikit-learn's `train_test_split` takes it; ``None`` splits off the last images in their
            order, as Keras's ``validation_split`` does.
        times: how many times over, each time off what the time before left; the last part is for validation, and those
            before it are not used.
    """

    fraction: float = 0.2
    random_state: int | None = 42
    times: int = 1


Scaling = Literal["unit", "min-max", "robust", "standard"]
"""What is done to pixels, 0-255: all are divided by 255, and ``unit`` leaves it at that. The others go on from there
with scikit-learn's `MinMaxScaler`, `RobustScaler` or `StandardScaler`, pixel by pixel, fitted on training images."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """The training protocol of a recipe.

    Attributes:
        optimizer: its name in Keras; for scikit-learn recipes a label without effect.
        optimizer_settings: arguments of the optimizer that differ from Keras's defaults, by name.
        loss: its name in the framework.
        from_logits: the argument of Keras's losses: true declares the model's outputs to be logits.
        epochs: largest number of passes over the training images.
        batch_size: images per step.
        holdout: the validation split; ``None`` trains on all training images.
        scaling: the scaling of the pixels before training.
        validate_each_epoch: true computes the validation loss inside the fit, after each epoch.
        early_stopping: ``None`` trains all epochs; otherwise `validate_each_epoch` must be true.
        train_images: largest number of images to train on; ``None`` is all of them, as published.
    """

    optimizer: str
    optimizer_settings: Mapping[str, float | bool] = field(default_factory=dict)
    loss: str
    epochs: int
    batch_size: int
    from_logits: bool = False
    holdout: Holdout | None = None
    scaling: Scaling = "unit"
    validate_each_epoch: bool = False
    early_stopping: EarlyStopping | None = None
    train_images: int | None = None

    def quick(self) -> Training:
        """The same protocol shortened to seconds, to try things out; its figures are not valid results."""
        return replace(self, epochs=min(self.epochs, QUICK_EPOCHS), train_images=QUICK_TRAIN_IMAGES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """A model, its training protocol and the test accuracy below which its results are invalid.

    Attributes:
        name: the key in `models.RECIPES`, the row's name in every table.
        summary: the layers in one line, for readers.
        layers: values per image from the input to the output, as tables show them: ``784-100-10``.
        framework: the framework of the model that `build` returns.
        build: takes the framework's namespace (`tf.keras`, or `sklearn.linear_model`) and returns a new, untrained
            model for images of shape (n, 784), float32 in [0, 1], and labels 0-9. A Keras model comes uncompiled; its
            initial weights come from the seed that the caller has set.
        training: the published protocol.
        accuracy_floors: data set name to the smallest valid test accuracy (0-1) of a full run.
    """

    name: str
    summary: str
    framework: Literal["keras", "scikit-learn"]
    build: Callable[[Any], Any]
    training: Training
    accuracy_floors: Mapping[str, float]
    layers: str = ""
