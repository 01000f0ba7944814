"""Rows of trials, and what a trial was asked for and found out about its environments."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from bench.records.schema.numbers import (
    Count,
    Elapsed,
    Integer,
    Name,
    Number,
    Part,
    Positive,
    Share,
    Size,
    Text,
    Versions,
)
from bench.records.schema.rows import Parity, Record


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
