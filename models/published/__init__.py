"""The recipes of the five tutorials: a file per section, and here their order; what they compare is below."""

from __future__ import annotations

from models.published import (
    t1_deep_mlp,
    t1_dropout,
    t1_logistic,
    t1_optimizers,
    t1_overfit,
    t1_single_dense,
    t2_dropout_256_128,
    t3_mnist_512,
    t4_fashion,
    t4_mnist_64_32,
    t4_scaling,
    t5_mlp_128,
)
from models.published.tutorial import Figure, Part, Published

SECTIONS = (
    t1_logistic,
    t1_single_dense,
    t1_deep_mlp,
    t1_optimizers,
    t1_overfit,
    t1_dropout,
    t2_dropout_256_128,
    t3_mnist_512,
    t4_mnist_64_32,
    t4_fashion,
    t4_scaling,
    t5_mlp_128,
)

PUBLISHED: dict[str, Published] = {one.recipe.name: one for section in SECTIONS for one in section.PUBLISHED}

COMPARISONS: dict[str, tuple[str, ...]] = {
    "The models of tutorial 002": ("t1_logistic", "t1_single_dense", "t1_deep_sigmoid", "t1_deep_mlp"),
    "Sigmoid against ReLU": ("t1_deep_sigmoid", "t1_deep_mlp"),
    "100 outputs against 10": ("t1_deep_mlp_as_printed", "t1_deep_mlp"),
    "Four optimizers": tuple(t1_optimizers.OPTIMIZERS),
    "Twenty epochs: without dropout, with it, and stopped early": (
        "t1_overfit",
        "t1_dropout",
        "t1_dropout_early_stopping",
    ),
    "First against second Fashion-MNIST model": ("t4_fashion_first", "t4_fashion_second"),
    "Scaling of the pixels": ("t4_mnist_64_32", *t4_scaling.SCALINGS),
    "A loss that is told of logits and given probabilities, and the corrected one": (
        "t5_mlp_128",
        "t5_mlp_128_corrected",
    ),
}
"""What the tutorials compare: a title, and the recipes to set side by side."""

__all__ = ["COMPARISONS", "PUBLISHED", "Figure", "Part", "Published"]
