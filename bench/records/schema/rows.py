"""What every kind of row has, and parts that several kinds have."""

from __future__ import annotations

import statistics
from itertools import accumulate

from msgspec import Struct

from bench.records.schema.numbers import Count, Elapsed, Integer, Name, Number, Part, Seconds, Size, Text


class Interference(Part, frozen=True, kw_only=True):
    """Signs of disturbance while a row was measured; see `bench.host.interference`."""

    steal_s: Number | None = None
    involuntary_context_switches: Integer = 0
    load_1min_before: Number = 0.0


class Parity(Part, frozen=True, kw_only=True):
    """The comparison of an exported model's answers with the trained one's, or of a runtime's.

    Attributes:
        max_abs_diff: the largest difference of a probability from the model's in float64, or, in older files, from the
            trained model's; ``None`` where it is not a number.
        own_abs_diff: the same of the trained model's own answers.
        changed_predictions: images with another answer, ties left out.
        accuracy_change: the runtime's test accuracy minus the trained model's (runtimes only).
        reference: why there are no exact answers, of a user's model; ``None`` where there are.
    """

    images: Size = 0
    max_abs_diff: Number | None = None
    own_abs_diff: Number | None = None
    changed_predictions: Size | None = None
    ties: Size = 0
    allowed_abs_diff: Number | None = None
    exact: bool | None = None
    allowed_loss: Number | None = None
    accuracy_change: Number | None = None
    faults: tuple[Text, ...] = ()
    reference: Text | None = None


class Visit(Struct, frozen=True, array_like=True):
    """Timings that one process took one after the other.

    Attributes:
        process: its number, from 0.
        calls: how many timings.
        at_s: seconds since the first visit of any row.
    """

    process: Size
    calls: Count
    at_s: Elapsed


class Record(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="stage", gc=False):
    """What every kind of row has.

    Attributes:
        case: the row's name within its run, by the grammar of `bench.records.cases`.
        status: ``valid``, ``invalid``, ``failed``, or ``unavailable`` where this machine lacks something for it.
        faults: why the row is INVALID; empty where it is valid.
        values_s: every timing in seconds, in the order in which they were taken. Of a valid row they are stored as
            pytest-benchmark's `stats.data`.
        visits: which of the values were taken together, by which process, in the same order; empty where all were.
        cold_cache_s: seconds of further calls, each after other memory was written (`bench.host.visited`).
        batch_size: images per step or per call.
        threads: CPU threads of what is measured.
        trainer: what trained the model.
    """

    case: Name
    recipe: Name
    status: Name = "valid"
    faults: tuple[Text, ...] = ()
    values_s: tuple[Seconds, ...] = ()
    visits: tuple[Visit, ...] = ()
    cold_cache_s: tuple[Seconds, ...] = ()
    dataset: Name
    dataset_sha256: Text | None = None
    device: Name
    threads: Count
    batch_size: Count
    parameters: Size | None = None
    trainer: Text | None = None

    @property
    def stage(self) -> str:
        """The kind of row, as it is stored."""
        return str(self.__struct_config__.tag)

    @property
    def median_s(self) -> float:
        """The median seconds of a call. Raises ValueError where there are no timings."""
        return statistics.median(self.values_s)

    @property
    def images_per_s(self) -> float | None:
        """Images per second of the median call; ``None`` where there are no timings."""
        return self.batch_size / statistics.median(self.values_s) if self.values_s else None

    @property
    def by_visit(self) -> list[tuple[Seconds, ...]]:
        """The timings of each visit; of a row that was not visited, all of them as one."""
        if not self.visits:
            return [self.values_s] if self.values_s else []
        ends = list(accumulate(visit.calls for visit in self.visits))
        return [self.values_s[end - visit.calls : end] for end, visit in zip(ends, self.visits, strict=True)]

    @property
    def by_process(self) -> dict[int, tuple[Seconds, ...]]:
        """The timings of each process, by its number; of a row that was not visited, all of them as of one process."""
        found: dict[int, tuple[Seconds, ...]] = {}
        numbers = [visit.process for visit in self.visits] or [0]
        for number, values_s in zip(numbers, self.by_visit, strict=False):
            found[number] = found.get(number, ()) + values_s
        return found

    def check(self) -> None:
        """Check what lies between the fields of a row. Raises ValueError."""
        if self.visits and sum(visit.calls for visit in self.visits) != len(self.values_s):
            raise ValueError(f"{len(self.values_s)} timings, but visits of other sizes")
