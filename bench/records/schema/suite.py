"""Rows of the suite: trainings, and calls in ONNX Runtime."""

from __future__ import annotations

import statistics
from collections.abc import Mapping

import msgspec

from bench.records.schema.numbers import Count, Elapsed, Integer, Name, Number, Share, Size, Text
from bench.records.schema.rows import Interference, Parity, Record


class TrainRecord(Record, frozen=True, kw_only=True, tag="train"):
    """Trainings from several seeds by the suite: each value is one whole fit, and each list has an entry per value.

    Attributes:
        epochs_run: fewer than the protocol's where early stopping ended the training.
        first_step_s: seconds of the first steps with their compilation; ``None`` where nothing compiles.
        placed_on: the device that the model's weights were found on.
        converged: whether the solver converged (scikit-learn only).
        histories: metric to its value after each epoch.
    """

    seeds: tuple[Integer, ...] = ()
    test_accuracies: tuple[Share, ...] = ()
    epochs_run: tuple[Count, ...] = ()
    first_step_s: tuple[Elapsed | None, ...] = ()
    train_images: Count | None = None
    validation_images: Size | None = None
    test_images: Size | None = None
    framework: Text | None = None
    backend: Text | None = None
    placed_on: tuple[Text, ...] = ()
    converged: tuple[bool | None, ...] = ()
    histories: tuple[Mapping[Name, tuple[Number | None, ...]], ...] = ()
    interference: Interference | None = msgspec.field(default=None, name="contamination")
    case_s: Elapsed | None = None

    @property
    def median_s(self) -> float:
        """The median seconds of an epoch, since early stopping may end a training sooner."""
        return statistics.median(
            value_s / epochs for value_s, epochs in zip(self.values_s, self.epochs_run, strict=True)
        )

    @property
    def images_per_s(self) -> float | None:
        """Images per second, the median over the seeds, counting every epoch; ``None`` where they are not stored."""
        if not self.values_s or not self.epochs_run or self.train_images is None:
            return None
        epochs = zip(self.epochs_run, self.values_s, strict=True)
        return statistics.median(self.train_images * passes / value_s for passes, value_s in epochs)

    def check(self) -> None:
        """Check that each list has an entry per timing."""
        lists = (self.seeds, self.test_accuracies, self.epochs_run, self.first_step_s)
        if {len(values) for values in lists if values} - {len(self.values_s)} or (not self.faults and not all(lists)):
            raise ValueError(f"{len(self.values_s)} timings, but not one seed, accuracy, ... for each")


class InferRecord(Record, frozen=True, kw_only=True, tag="infer"):
    """Calls of an exported model in ONNX Runtime.

    Attributes:
        precision: what the exported graph computes in.
        spinning: whether the session's threads spin while they wait.
        prime_calls: calls before the first timed one.
        nodes: execution provider to the number of the graph's nodes that it ran.
    """

    runtime: Text | None = None
    backend: Text | None = None
    framework: Text | None = None
    seed: Integer | None = None
    test_accuracy: Share | None = None
    onnx_bytes: Size | None = None
    onnx_sha256: Text | None = None
    operators: tuple[Text, ...] = ()
    opset: Size | None = None
    precision: Text | None = None
    spinning: bool | None = None
    prime_calls: Size | None = None
    parity: Parity | None = None
    providers: tuple[Text, ...] = ()
    nodes: Mapping[Name, Size] | None = None
    interference: Interference | None = msgspec.field(default=None, name="contamination")
    case_s: Elapsed | None = None
