"""The schema of run files: one type per kind of row, checked as a file is read.

A run file is pytest-benchmark's JSON, so its readers take it as it is. What pytest-benchmark has no field for lies in
each benchmark's `extra_info` (a row) and in the top-level object `densebench` (the run), which also holds the rows
that are INVALID and so are no benchmarks.

Schema 2 (2026-11-24): every command writes pytest-benchmark's header and statistics; a row no longer repeats the
machine, the packages and the number of the schema, which the run has.
Schema 1 (2026-11-20): the first; it is still read.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Annotated, Any, TypeVar, Union

import msgspec
from msgspec import Meta, Struct

from bench.records.cases import DEFAULT_BACKEND
from bench.records.compatibility_types import Compatibility  # noqa: TC001  msgspec reads the annotations
from bench.records.profile_types import Profile, Script  # noqa: TC001  as above
from bench.records.types import (
    Count,
    Date,
    Elapsed,
    Integer,
    Name,
    Number,
    Part,
    Positive,
    Seconds,
    Share,
    Size,
    Text,
    Versions,
)

SCHEMA = 2
OLDEST_SCHEMA = 1


class Machine(Part, frozen=True, kw_only=True):
    """The machine of a run. `name` is its folder: equal machines share it."""

    name: Name
    cpu: Text = ""
    cpus: Size = 0
    memory_gib: Size = 0
    system: Text = ""
    python: Text = ""


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


class StartParts(Part, frozen=True, kw_only=True):
    """The parts of each start of a process, in seconds, and the bytes that it then kept resident."""

    import_s: tuple[Elapsed, ...] = ()
    load_s: tuple[Elapsed, ...] = ()
    first_s: tuple[Elapsed, ...] = ()
    resident_bytes: tuple[Size | None, ...] = ()


class OfRuntime(Record, frozen=True, kw_only=True):
    """What rows of inference runtimes have in common.

    Attributes:
        position: its place in tables.
        exact: whether the runtime computes in the trained model's precision, so that no answer may change.
        artifact: the kind of file that it loads.
    """

    position: Size
    runtime: Name
    exact: bool | None = None
    artifact: Text | None = None
    artifact_bytes: Size | None = None
    artifact_sha256: Text | None = None
    parity: Parity | None = None
    test_accuracy: Share | None = None
    backend: Text | None = None
    precision: Text | None = None


class RuntimeRecord(OfRuntime, frozen=True, kw_only=True, tag="runtime"):
    """Calls of a model in a runtime, from fresh processes that gave `calls_per_process` timings each."""

    calls_per_process: tuple[Size, ...] = ()


class StartRecord(OfRuntime, frozen=True, kw_only=True, tag="start"):
    """Starts of a process with a runtime, to its first answer."""

    starts: StartParts = StartParts()


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


class SeedRun(Part, frozen=True, kw_only=True, omit_defaults=True):
    """One training from one seed, scored.

    Attributes:
        fit_s: seconds of the training alone; trainings from other seeds may have run at the same time. Stored as the
            row's timing.
        first_step_s: seconds of compiling or tracing, not part of `fit_s`; ``None`` where nothing compiles.
        history: metric name to one value per epoch, as in Keras's `History`; empty for scikit-learn.
        scores: part and metric (``"test loss"``, ``"validation accuracy"``) to the value after training.
        folds: cross-validation accuracies, one per fold; empty where the recipe does not cross-validate.
        confusion: number of test images by label (row) and predicted class (column).
        probabilities: ``"test:0"`` to that image's class probabilities.
    """

    seed: Integer
    trainer: Name
    placed_on: Text
    parameters: Size
    train_images: Size
    fit_s: Seconds | None = None
    first_step_s: Elapsed | None
    epochs_run: Size
    history: Mapping[Name, tuple[Number, ...]]
    scores: Mapping[Name, Number]
    folds: tuple[Share, ...]
    confusion: tuple[tuple[Size, ...], ...]
    probabilities: Mapping[Name, tuple[Share, ...]]


class Layer(Part, frozen=True, kw_only=True):
    """A layer of a model."""

    name: Text
    kind: Text
    output_shape: tuple[Size | None, ...]
    parameters: Size


class Saving(Part, frozen=True, kw_only=True):
    """What became of a model that was saved in a format and loaded again."""

    format: Name
    outcome: Name
    reason: Text | None = None


class FirstModel(Part, frozen=True, kw_only=True):
    """What was looked at on the first seed's model only: its layers, saving and loading it, its export.

    Attributes:
        label_counts: images per class, by part of the data set.
        shown_labels: ``"test:0"`` to that image's label.
    """

    seed: Integer = 0
    class_names: tuple[Text, ...] = ()
    label_counts: Mapping[Name, tuple[Size, ...]] = {}
    shown_labels: Mapping[Name, Size] = {}
    layers: tuple[Layer, ...] = ()
    saving: tuple[Saving, ...] = ()
    onnx_sha256: Text | None = None
    parity: Parity | None = None


class ReproductionRecord(Record, frozen=True, kw_only=True, tag="reproduction"):
    """Trainings of a published recipe, one per seed and value."""

    source: Text | None = None
    train_images: Size | None = None
    first_model: FirstModel = msgspec.field(default=FirstModel(), name="specimen")
    seed_runs: tuple[SeedRun, ...] = msgspec.field(default=(), name="repetitions")

    def check(self) -> None:
        """Check that there is one training per timing, and that all agree on the classes and images."""
        if len(self.seed_runs) != len(self.values_s):
            raise ValueError(f"{len(self.values_s)} timings for {len(self.seed_runs)} trainings")
        if not self.seed_runs:
            return
        classes = len(self.first_model.class_names)
        counts = [len(self.first_model.label_counts.get(part, ())) for part in ("training", "test")]
        if not classes or set(counts) != {classes}:
            raise ValueError(f"{classes} classes, but counts of {counts[0]} and {counts[1]}")
        for run in self.seed_runs:
            self._check_seed_run(run, classes)

    def _check_seed_run(self, run: SeedRun, classes: int) -> None:
        columns = {len(row) for row in run.confusion}
        if len(run.confusion) != classes or len(columns) != 1 or min(columns) < classes:
            raise ValueError(f"a confusion matrix that does not fit {classes} classes")
        if len({len(values) for values in run.history.values()}) > 1:
            raise ValueError("metrics of unequal numbers of epochs")
        for image, row in run.probabilities.items():
            label = self.first_model.shown_labels.get(image)
            if label is None or label >= classes or not 1 <= len(row) <= classes:
                raise ValueError(f"the label or the probabilities of {image}")


class Timing(Struct, frozen=True, array_like=True, gc=False):
    """One turn of a case, in few numbers: seconds per step or call, or bytes.

    Attributes:
        count: steps or calls that were timed.
        mean: of the whole turn, with what lies between the steps.
        quantiles: at 7.5, 25, 50, 75 and 92.5 %; in older files 20, at 2.5 %, 7.5 %, ..., 97.5 %; none of a turn that
            took a single number.
    """

    count: Count
    mean: Positive
    least: Positive
    most: Positive
    quantiles: tuple[Positive, ...] = ()


class TrialRecord(Record, frozen=True, kw_only=True, tag="trial"):
    """What one environment of a trial measured of a case, round by round.

    Attributes:
        values_s: the typical seconds of each round, for other readers of the file; empty for memory.
        environment: the environment's role, which is unique in its trial: ``BASE``, ``HEAD``, ``HEAD 2``, ``CONTROL``.
        measure: what `turns` holds: ``step``, ``call``, ``start`` (seconds) or ``private memory`` (bytes).
        rounds: the number of each round that this environment saw through.
        turns: its turns in each of those rounds.
    """

    environment: Name
    measure: Name
    rounds: tuple[Size, ...]
    turns: tuple[tuple[Timing, ...], ...]

    def check(self) -> None:
        """Check that each round has turns, and that their quantiles are in order."""
        if len(self.rounds) != len(self.turns) or len(set(self.rounds)) != len(self.rounds):
            raise ValueError(f"{len(self.turns)} rounds of turns for {len(self.rounds)} numbers of rounds")
        for turns in self.turns:
            if not turns:
                raise ValueError("a round without turns")
            if any(list(turn.quantiles) != sorted(turn.quantiles) for turn in turns):
                raise ValueError("quantiles that are not in order")


AnyRecord = Union[  # noqa: UP007  a list of types reads better one by one
    TrainRecord,
    InferRecord,
    TrainerRecord,
    RuntimeRecord,
    StartRecord,
    ReproductionRecord,
    TrialRecord,
]
OfKind = TypeVar("OfKind", bound=Record)
T = TypeVar("T")


class Survey(Part, frozen=True, kw_only=True):
    """What short trainings of one recipe came to in an environment, and its exported graph.

    Attributes:
        accuracies: test accuracy (0-1) of each seed's model; 0 where the training diverged.
        weights: digest of each seed's trained weights.
        answers: digest of its probabilities of all test images.
        graph: digest of the ONNX graph without names and values.
        failed: why there is none of it: a user's model that does not load.
        inputs: what a user's model takes; empty for recipes.
        parity: a user's model's answers, against the exact ones of the first environment that loads it.
        exported: those of its export in ONNX Runtime, against its own exact ones.
        reference: why there are no exact answers, so that the base's own stand for them; empty where there are.
    """

    accuracies: tuple[Share, ...]
    weights: tuple[Text, ...]
    answers: tuple[Text, ...]
    graph: Text | None = None
    operators: tuple[Text, ...] = ()
    failed: Text | None = None
    inputs: Text = ""
    parity: Parity | None = None
    exported: Parity | None = None
    reference: Text = ""


class EnvironmentFacts(Part, frozen=True, kw_only=True):
    """An environment of a trial, as it was asked for and as it was found.

    Attributes:
        role: ``BASE``, ``HEAD``, ``HEAD 2``, ``CONTROL``.
        word: what the user called it.
        packages: each import package to the distributions that own it with their versions: ``tensorflow-cpu 2.21.0``.
        build: what TensorFlow says of its source and compiler, and which Keras `tf.keras` is.
        variables: environment variables that were asked for.
        surveys: by recipe.
        missing: case to the reason why this environment lacks it.
        host: role of the environment in whose processes, and with whose models, it took its turns; empty for its own.
        failed: why it was given up; ``None`` otherwise.
    """

    role: Name
    word: Text
    python: Text
    packages: Versions
    build: Mapping[Name, Text | None] = {}
    variables: Mapping[Name, Text] = {}
    surveys: Mapping[Name, Survey] = {}
    missing: Mapping[Name, Text] = {}
    host: Text = ""
    failed: Text | None = None


class TrialOptions(Part, frozen=True, kw_only=True):
    """What a trial was asked for, and where it was measured.

    Attributes:
        margins: kind of finding to the largest difference that counts as the same (0.03 is 3 %).
        pairs: roles of what is compared, the second judged against the first; empty where all are against the base.
        counts: case to the steps or calls of each turn.
        seeds: those of the short trainings.
        node: identity of the machine itself, hashed.
        cpus: numbers of the CPUs that it could use; empty where the system does not tell.
        nice: its niceness; 0 unless it was started at another priority.
        load_1min_before: load average of the minute before.
        lost: the reason for each round that an environment did not see through.
        elapsed_s: from its beginning to the last round, environments that were made first left out.
        series: the self-test or bisection that it belongs to; empty for none.
        number: its place in the series, from 0.
        sought: what a bisection looks for, as `bench.records.bisections` has it.
        models: name of each model of the user's own to its file's name and SHA-256.
        unloaded: what was left out to the reason: a release that does not load the user's model.
        simulated: whether nothing was measured; such a trial enters no table.
    """

    environments: tuple[EnvironmentFacts, ...]
    margins: Mapping[Name, Share]
    counts: Mapping[Name, Count]
    seed: Integer
    pairs: tuple[tuple[Name, Name], ...] = ()
    seeds: tuple[Integer, ...] = ()
    budget_s: Elapsed = 0.0
    node: Text = ""
    cpus: tuple[Size, ...] = ()
    nice: Integer = 0
    load_1min_before: Number = 0.0
    lost: tuple[Text, ...] = ()
    elapsed_s: Elapsed = 0.0
    series: Text = ""
    number: Size = 0
    sought: Text = ""
    models: Mapping[Name, Text] = {}
    unloaded: Mapping[Name, Text] = {}
    simulated: bool = False


class SampleImage(Part, frozen=True, kw_only=True):
    """An image: its label, and 28 x 28 bytes in base64."""

    label: Size
    pixels: Annotated[str, Meta(min_length=1048, max_length=1048, pattern="^[A-Za-z0-9+/]*={0,2}$")]


class Gallery(Part, frozen=True, kw_only=True):
    """Sample images of a data set, by part and place (``"test:0"``)."""

    class_names: tuple[Text, ...]
    images: Mapping[Name, SampleImage]


class Metadata(Struct, frozen=True, kw_only=True, omit_defaults=True, gc=False):
    """What is stored of a whole run.

    Attributes:
        started_at: ISO 8601, UTC.
        commit: the suite's commit, with ``+`` where the checkout had changes.
        command: what repeats the run.
        threads: how many CPU threads TensorFlow and BLAS had.
        trainer: what trained the Keras models, where it could; the only one of the first files was `fit`.
        backend: what Keras computed with; the only one of the first files was TensorFlow.
        quick: whether the training protocols were cut down.
        complete: false where the run was interrupted.
        fallback_reason: why `digits` stands in for another data set; ``None`` where it does not.
        invalid: rows that are no result.
        orders: the order of the rows in each round.
        gallery: data set to its sample images (reproduction).
        trial: what a trial was asked for.
        compatibility: what survives from one environment to another.
        profiles: where the time of what changed goes.
        scripts: what shows it without densebench.
    """

    schema: Annotated[int, Meta(ge=OLDEST_SCHEMA, le=SCHEMA)] = SCHEMA
    machine: Machine
    packages: Versions
    started_at: Date
    commit: Name
    command: Text
    dataset: Name
    dataset_sha256: Text | Mapping[Name, Text] | None = None
    dataset_source: Text | None = None
    device: Name
    threads: Count
    trainer: Name = "fit"
    backend: Name = DEFAULT_BACKEND
    gpu: Mapping[Name, Text] | None = None
    quick: bool
    complete: bool
    fallback_reason: Text | None = None
    cases_planned: tuple[Name, ...]
    invalid: tuple[AnyRecord, ...] = ()
    order_seed: Integer | None = None
    rounds: Size | None = None
    orders: tuple[tuple[Integer, ...], ...] = ()
    seeds: tuple[Integer, ...] = ()
    gallery: Mapping[Name, Gallery] = {}
    trial: TrialOptions | None = None
    compatibility: Compatibility | None = None
    profiles: tuple[Profile, ...] = ()
    scripts: tuple[Script, ...] = ()


class Stats(Struct, frozen=True):
    """pytest-benchmark's statistics of a row, of which only the timings are read."""

    data: tuple[Seconds, ...] = ()


class Benchmark(Struct, frozen=True):
    """An entry of pytest-benchmark's `benchmarks`."""

    extra_info: AnyRecord
    stats: Stats


class RunFile(Struct, frozen=True):
    """A whole run file."""

    benchmarks: tuple[Benchmark, ...]
    densebench: Metadata


def convert(fields: Any, kind: type[T]) -> T:
    """A part or a row from its fields by their stored names; what is no finite number becomes ``None``.

    Raises:
        msgspec.ValidationError: a field is missing or has another type.
    """
    return msgspec.convert(_finite(fields), kind)


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_finite(inner) for inner in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


def make_metadata(facts: Mapping[str, Any], *, complete: bool, cases_planned: Sequence[str]) -> Metadata:
    """The metadata of a run from what is known before it, and what its rows tell.

    Args:
        facts: fields of `Metadata` by their stored names.
        complete: false where the run was interrupted.
        cases_planned: the cases that it was to measure.

    Raises:
        msgspec.ValidationError: a field is missing or has another type.
    """
    return convert({**facts, "complete": complete, "cases_planned": list(cases_planned)}, Metadata)


def facts_of(metadata: Metadata) -> dict[str, Any]:
    """What `make_metadata` takes, from the metadata of a stored run."""
    return {name: msgspec.to_builtins(getattr(metadata, attribute)) for name, attribute in _FACTS.items()}


_FACTS = {
    field.encode_name: field.name
    for field in msgspec.structs.fields(Metadata)
    if field.name not in {"schema", "invalid", "complete"}
}
