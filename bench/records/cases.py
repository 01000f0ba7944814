"""The names of cases, by one grammar in every command: ``stage[model,key=value,...]``."""

from __future__ import annotations

from dataclasses import dataclass

KEYS = ("trainer", "runtime", "batch", "threads")
"""What a name can say beside stage and model, in this order."""
BATCH_SIZES = (1, 32, 1000)
"""Images per call in latency rows: one at a time, some, in bulk."""
DEFAULT_BACKEND = "tensorflow"
"""What Keras computes with, unless a run says otherwise."""
INJECT = "DENSEBENCH_INJECT"
"""Environment variable that makes all cases of an environment worse (see `bench.trials.injections`)."""
SCIKIT_LEARN = "scikit-learn"
"""The trainer of scikit-learn's models, whatever trains the networks."""


@dataclass(frozen=True, slots=True)
class Case:
    """One row of a duel.

    Attributes:
        name: by the grammar of this module; in older files ``train[deep_mlp]`` is a training by `fit`.
        stage: ``train`` or ``infer``.
        trainer: what trains; for inference, what trains the model that is exported.
        batch_size: images per step or per call.
        threads: CPU threads of what is measured.
    """

    name: str
    stage: str
    recipe: str
    trainer: str
    batch_size: int
    threads: int


def case_name(stage: str, model: str, **values: str | int) -> str:
    """The name of a case: ``train[deep_mlp,trainer=fit]``, ``infer[deep_mlp,batch=1,threads=1]``.

    Args:
        stage: what is measured: ``train``, ``infer``, ``runtime``, ``start``, ``reproduce``, ...
        model: the recipe's name, or what else is measured.
        values: what tells it from other cases of the model, by `KEYS`.

    Raises:
        ValueError: a key is unknown.
    """
    if unknown := values.keys() - set(KEYS):
        raise ValueError(f"a case's name has no {', '.join(sorted(unknown))}")
    named = [f"{key}={values[key]}" for key in KEYS if key in values]
    return f"{stage}[{','.join([model, *named])}]"


def named_with_trainer(name: str, trainer: str | None) -> str:
    """A training's name from before names told the trainer (``train[deep_mlp]``), with it; any other name as it is."""
    stage, bracket, rest = name.partition("[")
    if stage != "train" or not bracket or "," in rest or trainer is None:
        return name
    return case_name(stage, rest.removesuffix("]"), trainer=trainer)


def case_recipe(name: str) -> str:
    """What a case is of, by its name: ``deep_mlp`` of ``train[deep_mlp,trainer=fit]``."""
    return name.partition("[")[2].removesuffix("]").partition(",")[0]
