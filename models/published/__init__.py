"""Models of the tutorials that are no rung of the ladder: one file per recipe, and here their order."""

from __future__ import annotations

from models.published import t5_mlp_128
from models.recipe import Recipe

PUBLISHED: dict[str, Recipe] = {
    "t5_mlp_128": t5_mlp_128.RECIPE,
}

__all__ = ["PUBLISHED", "Recipe"]
