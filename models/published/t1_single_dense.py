"""One Dense layer, trained on the images that two successive splits leave (tutorial 002, section 17)."""

from __future__ import annotations

from dataclasses import replace

from models import single_dense
from models.published.tutorial import Figure, Published, epochs_of

EPSILON = (
    "The tutorial's Keras added RMSprop's epsilon to the root of the mean square, today's adds it below the root, "
    "which slows the weights of pixels that are seldom lit. The training losses tell: in TensorFlow 2.12, which has "
    "both, the older form (`tf.keras.optimizers.legacy.RMSprop`) gave 0.6314 0.4919 0.4655 0.4515 0.4438 over the five "
    "epochs, as published, and today's 0.6309 0.4875 0.4603 0.4455 0.4369 (seed 0; seeds 1 and 2 differ by 0.006 at "
    "most). Accuracies are the same."
)

PUBLISHED = (
    Published(
        recipe=replace(single_dense.RECIPE, name="t1_single_dense"),
        dataset="fashion_mnist",
        source="002, section 17",
        figures=(
            *epochs_of("loss", "training", "0.6326", "0.4910", "0.4656", "0.4512", "0.4417"),
            *epochs_of("accuracy", "training", "0.7853", "0.8344", "0.8444", "0.8499", "0.8526"),
            Figure("loss", "validation", "0.4335"),
            Figure("accuracy", "validation", "0.8590"),
        ),
        deviations=(EPSILON,),
    ),
)
