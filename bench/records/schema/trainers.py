"""Rows of ways to train, side by side."""

from __future__ import annotations

import msgspec

from bench.records.schema.numbers import Count, Number, Part, Share, Size, Text
from bench.records.schema.rows import Interference, Record


class TrainerFacts(Part, frozen=True, kw_only=True):
    """What a variant tells of itself: floating-point operations per repetition, or Keras's steps per call."""

    flops: Number | None = None
    steps_per_execution: Size | None = None


class TrainerRecord(Record, frozen=True, kw_only=True, tag="trainer"):
    """Repetitions of one way to train, in several processes; lists have an entry per value.

    Attributes:
        widths: of the inputs and of each layer.
        blocks: the block of each repetition, which is a process of its own; in older files, where `epochs_trained`
            counts all repetitions, all are of one process.
        epochs_run: epochs of each repetition.
        epochs_trained: epochs of the warm-up and of all repetitions of a process.
        accuracies_by_block: test accuracy after each repetition.
    """

    position: Size
    backend: Text | None = None
    widths: tuple[Count, ...]
    train_images: Count | None = None
    facts: TrainerFacts = TrainerFacts()
    blocks: tuple[Size, ...]
    epochs_run: tuple[Count, ...] = ()
    epochs_trained: Size = 0
    warm_up_epochs: Size | None = None
    test_accuracies: tuple[Share, ...] = ()
    accuracies_by_block: tuple[Share, ...] = ()
    interference: tuple[Interference, ...] = msgspec.field(default=(), name="contamination")

    def check(self) -> None:
        """Check that the lists have an entry per timing, and that there are layers."""
        if not self.faults and len(self.blocks) != len(self.values_s):
            raise ValueError(f"{len(self.values_s)} timings in {len(self.blocks)} blocks")
        if not self.faults and len(self.epochs_run) != len(self.values_s):
            raise ValueError(f"{len(self.values_s)} timings of {len(self.epochs_run)} numbers of epochs")
        if len(self.widths) < 2:  # noqa: PLR2004  inputs and outputs
            raise ValueError(f"{len(self.widths)} widths; those of the inputs and of each layer are expected")
