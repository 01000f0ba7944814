"""Models of the user's own in a trial: what they are, whether environments load them, and whether they answer alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.formats import format_counted, format_difference
from bench.report.markdown import escape

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bench.records.schema.rows import Parity
    from bench.records.schema.trials import Survey
    from bench.records.trials import Pair, StoredTrial

DIGITS = 12
"""Of a SHA-256, as it is shown."""


def own_models(trial: StoredTrial, pair: Pair) -> str:
    """A paragraph for each of the user's models, on two environments; empty where there are none."""
    base, head = (trial.environment(role).surveys for role in pair)
    told = (
        _own_model(name, trial.options.models[name], base.get(name), head.get(name)) for name in trial.options.models
    )
    return "\n\n".join(map(escape, told))


def _own_model(name: str, file: str, base: Survey | None, head: Survey | None) -> str:
    path, _, digest = file.rpartition(" ")
    parts = [f"{name} is {path} (SHA-256 {digest[:DIGITS]}…)"]
    if base is None or head is None or base.failed or head.failed:
        reasons = [one.failed for one in (base, head) if one and one.failed]
        return f"{'; '.join([*parts, *dict.fromkeys(reasons)])}."
    parts += [f"its inputs are made up: {base.inputs}"] * bool(base.inputs)  # a recipe has data
    if head.parity and not head.parity.faults:
        examples = format_counted(head.parity.images, "example")
        parts.append(f"both give the same answers to {examples}{_how_alike(base, head, head.parity)}")
    parts += _exports([base, head])
    parts += [f"no exact answers to compare with: {base.reference}"] * bool(base.reference)
    return f"{'; '.join(parts)}."


def _how_alike(base: Survey, head: Survey, parity: Parity) -> str:
    if base.answers == head.answers:
        return ", bit for bit"
    off, allowed = (format_difference(value or 0.0) for value in (parity.max_abs_diff, parity.allowed_abs_diff))
    which = "those of the first" if base.reference else "the exact ones"
    return f", off {which} by at most {off} ({allowed} is allowed)"


def _exports(surveys: Iterable[Survey]) -> list[str]:
    """What is told of the exports: that they answer alike, or why one does not."""
    known = [one.exported for one in surveys if one.exported]
    faults = list(dict.fromkeys(fault for one in known for fault in one.faults))
    if faults:
        return [f"its export is not timed: {'; '.join(faults)}"]
    return ["and so do their exports in ONNX Runtime"] if known else []
