"""The deep MLP (tutorial 002, section 18), with the intended 10 outputs and with the 100 of the published code.

The code that printed the figures has 100 output units by mistake: the same section's `model.summary()` shows 10. Both
are compared with the published figures.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from models import deep_mlp
from models.published.tutorial import Figure, Published, epochs_of

if TYPE_CHECKING:
    from models.recipe import Recipe

FLAT = "The images arrive flat, so the tutorial's Flatten layer has nothing to do and is left out."
TEN_OUTPUTS = (
    "10 outputs, as in the section's model summary; the figures were printed by a model with 100, "
    "t1_deep_mlp_as_printed, which reproduces them. This one's training loss is lower: it need not learn that 90 of "
    "the classes never occur."
)
FIGURES = (
    *epochs_of("loss", "training", "0.8167", "0.4167", "0.3710", "0.3345", "0.3218"),
    *epochs_of("accuracy", "training", "0.7495", "0.8520", "0.8665", "0.8790", "0.8816"),
    Figure("loss", "validation", "0.3423"),
    Figure("accuracy", "validation", "0.8785"),
)


def build_wide_output(keras: Any) -> Any:
    """An uncompiled Keras model of 88,600 parameters; labels 10-99 never occur."""
    return keras.Sequential(
        [
            keras.Input((784,)),
            keras.layers.Dense(100, activation="relu"),
            keras.layers.Dense(100, activation="softmax"),
        ]
    )


def build_sigmoid(keras: Any) -> Any:
    """An uncompiled Keras model of 79,510 parameters."""
    return keras.Sequential(
        [
            keras.Input((784,)),
            keras.layers.Dense(100, activation="sigmoid"),
            keras.layers.Dense(10, activation="softmax"),
        ]
    )


def _publish(name: str, *, figures: tuple[Figure, ...] = (), deviations: tuple[str, ...], **changes: Any) -> Published:
    recipe: Recipe = replace(deep_mlp.RECIPE, name=name, **changes)
    return Published(
        recipe=recipe, dataset="fashion_mnist", source="002, section 18", figures=figures, deviations=deviations
    )


PUBLISHED = (
    _publish(
        "t1_deep_sigmoid",
        build=build_sigmoid,
        summary="Dense(100, sigmoid), Dense(10, softmax)",
        training=replace(deep_mlp.RECIPE.training, optimizer="rmsprop"),
        deviations=(),
    ),
    _publish(
        "t1_deep_mlp_as_printed",
        build=build_wide_output,
        summary="Dense(100, relu), Dense(100, softmax)",
        figures=FIGURES,
        deviations=(FLAT,),
    ),
    _publish(
        "t1_deep_mlp",
        figures=FIGURES,
        deviations=(
            FLAT,
            TEN_OUTPUTS,
        ),
    ),
)
