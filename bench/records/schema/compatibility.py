"""The part of a run file on what survives from one environment to another, and what an environment costs.

None of it but the imports is timed, so a run has no rows: all is in its metadata.
"""

from __future__ import annotations

from collections.abc import Mapping

from bench.records.schema.numbers import Elapsed, Integer, Name, Number, Part, Size, Text


class Artifact(Part, frozen=True, kw_only=True):
    """A model that an environment saved in a format.

    Attributes:
        size_bytes: of the file, or of all files of a folder; ``None`` where it could not be saved.
        failed: why it could not.
        warnings: what was said meanwhile.
        operators: of an exported graph.
        opset: likewise.
        graph: digest of an exported graph without names and weights.
    """

    model: Name
    format: Name
    size_bytes: Size | None = None
    failed: Text | None = None
    warnings: tuple[Text, ...] = ()
    operators: tuple[Text, ...] = ()
    opset: Size | None = None
    graph: Text | None = None


class Loading(Part, frozen=True, kw_only=True):
    """A file that another environment, or the same one, had saved.

    Attributes:
        saver: the role of the environment that saved it.
        outcome: one of `bench.records.outcomes`.
        reason: the message, or how the answers differ.
        max_abs_diff: the largest difference from what the saved model answered.
    """

    saver: Name
    model: Name
    format: Name
    outcome: Name
    reason: Text | None = None
    max_abs_diff: Number | None = None
    changed_predictions: Size = 0


class FixedAnswers(Part, frozen=True, kw_only=True):
    """What a model of given weights answers to given inputs.

    Attributes:
        digest: of the answers' bits.
        max_abs_diff: the largest difference from those of the base.
        changed_predictions: of how many inputs the base predicts something else.
    """

    model: Name
    digest: Text
    inputs: Size
    max_abs_diff: Number | None = None
    changed_predictions: Size | None = None


class Training(Part, frozen=True, kw_only=True):
    """The same training from the same seed, in two processes, with and without operator determinism.

    Attributes:
        runs: per process the digest of the weights before the training and after each epoch.
        deterministic: the same after `enable_op_determinism`.
        failed: why there is none.
    """

    model: Name
    runs: tuple[tuple[Text, ...], ...] = ()
    deterministic: tuple[tuple[Text, ...], ...] = ()
    failed: Text | None = None


class Costs(Part, frozen=True, kw_only=True):
    """What it takes to have an environment.

    Attributes:
        sizes: installed bytes of TensorFlow and of each distribution that it requires.
        imports_s: seconds of each start's import of TensorFlow, Keras included.
        parts_s: top-level package to the seconds that each start spent in its own modules.
        resident_bytes: of each start's process afterwards.
        cycles_bytes: resident memory after each cycle of building, training and asking a model.
    """

    sizes: Mapping[Name, Size] = {}
    imports_s: tuple[Elapsed, ...] = ()
    parts_s: Mapping[Name, tuple[Elapsed, ...]] = {}
    resident_bytes: tuple[Size, ...] = ()
    cycles_bytes: tuple[Size, ...] = ()


class Environment(Part, frozen=True, kw_only=True):
    """An environment, and all that was found out about it.

    Attributes:
        role: ``2.12``, ``2.13``, …: unique in its run.
        word: what the user called it.
        failed: why nothing more could be found out; ``None`` otherwise.
    """

    role: Name
    word: Text
    python: Text = ""
    packages: Mapping[Name, Text | None] = {}
    build: Mapping[Name, Text | None] = {}
    variables: Mapping[Name, Text] = {}
    saved: tuple[Artifact, ...] = ()
    loaded: tuple[Loading, ...] = ()
    answers: tuple[FixedAnswers, ...] = ()
    trainings: tuple[Training, ...] = ()
    costs: Costs = Costs()
    failed: Text | None = None


class Compatibility(Part, frozen=True, kw_only=True):
    """What a run of `python -m bench compatibility` found.

    Attributes:
        seed: of weights and trainings.
        models: name of each model of the user's own to its file's name and SHA-256.
    """

    environments: tuple[Environment, ...]
    seed: Integer
    models: Mapping[Name, Text] = {}
    elapsed_s: Elapsed = 0.0
