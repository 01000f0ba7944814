"""The page of what survives an upgrade: files, numbers, trainings, exports, and what an environment costs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.formats import NOT_MEASURED, format_difference, format_duration
from bench.records.outcomes import FAILS, IDENTICAL, OTHERWISE, ROUNDED
from bench.report.markdown import escape, markdown_table
from bench.report.pages.compatibility_costs import costs_table, imports_table
from bench.report.pages.compatibility_sentences import (
    files_sentence,
    loadings,
    numbers_sentence,
    ranges,
    trainings_sentence,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bench.records.compatibility import StoredCompatibility
    from bench.records.schema.compatibility import Loading, Training

MARKS = {IDENTICAL: "=", ROUNDED: "≈", OTHERWISE: "≠", FAILS: "✗"}
LEGEND = (
    "= loads, and answers bit for bit what the saved model did; ≈ as nearly as rounding allows, and no prediction is "
    "another; ≠ it answers otherwise; ✗ it does not load; – it was not saved. Of several models the worst is shown."
)


def compatibility_page(surveys: Sequence[StoredCompatibility]) -> str:
    """The page of the newest survey, with what older ones of other machines say of the same environments."""
    stored = max(surveys, key=lambda one: one.run.started_at)
    parts = ["# What survives an upgrade", f"**{escape(files_sentence(stored))}** {escape(numbers_sentence(stored))}"]
    parts += [escape(trainings_sentence(stored))]
    parts += [_failed(stored), "## Files", *_grids(stored), LEGEND, _reasons(stored), _unsaved(stored)]
    parts += ["## Numbers", _answers_table(stored), _other_machines(stored, surveys)]
    parts += ["## Trainings", _trainings_table(stored), "## Exports", _exports_table(stored)]
    parts += ["## What an environment costs", costs_table(stored), imports_table(stored)]
    parts += ["## What ran", _packages(stored), _caption(stored)]
    return "\n\n".join(part for part in parts if part) + "\n"


def _grids(stored: StoredCompatibility) -> list[str]:
    """A grid per format: who saved it, and who loads it."""
    alike, parts = [], []
    for form in stored.formats:
        marks = {(saver, loader): MARKS[one.outcome] for saver, loader, one in loadings(stored, form)}
        if not marks:
            continue
        if {*marks.values()} <= {MARKS[IDENTICAL], MARKS[ROUNDED]}:
            alike.append(f"{form} ({' and '.join(sorted({*marks.values()}))})")
            continue
        rows = [
            [f"saved by {saver}", *(marks.get((saver, loader), NOT_MEASURED) for loader in stored.roles)]
            for saver in stored.roles
        ]
        parts.append(markdown_table([form, *stored.roles], rows, text_columns=(0,)))
    first = [escape(f"Loads everywhere, whoever saved it: {', '.join(alike)}.")] if alike else []
    return [*first, *parts]


def _reasons(stored: StoredCompatibility) -> str:
    """Each message once, where it is said, and the command that shows one of it again."""
    found: dict[tuple[str, str], list[tuple[str, Loading]]] = {}
    for each in stored.found.environments:
        for one in each.loaded:
            if one.outcome in {FAILS, OTHERWISE}:
                found.setdefault((one.format, one.reason or ""), []).append((each.role, one))
    if not found:
        return ""
    words = {each.role: each.word for each in stored.found.environments}
    rows = []
    for (form, reason), cases in found.items():
        savers = ranges({one.saver for _, one in cases}, stored.roles)
        loader, first = cases[0]
        command = f"python -m bench compatibility --show {form} --from {_quoted(words[first.saver])} "
        command += f"--to {_quoted(words[loader])} --model {first.model}"
        rows.append([form, savers, ranges({role for role, _ in cases}, stored.roles), reason, command])
    headers = ["Format", "Saved by", "Loaded by", "What happens", "See it"]
    return "What does not load, or answers otherwise:\n\n" + markdown_table(headers, rows, text_columns=range(5))


def _quoted(word: str) -> str:
    return f"'{word}'" if " " in word else word


def _unsaved(stored: StoredCompatibility) -> str:
    """What could not be saved, and by whom."""
    found: dict[tuple[str, str], list[str]] = {}
    for each in stored.found.environments:
        for one in each.saved:
            if one.failed:
                found.setdefault((one.format, one.failed or ""), []).append(each.role)
    lines = [f"- {form}: {ranges(roles, stored.roles)}: {reason}" for (form, reason), roles in found.items()]
    return "\n".join(["Not saved:", "", *map(escape, lines)]) if lines else ""


def _letters(values: Iterable[object]) -> dict[object, str]:
    """A letter for each different value, in their order."""
    return {value: chr(ord("A") + number) for number, value in enumerate(dict.fromkeys(values))}


def _answers_table(stored: StoredCompatibility) -> str:
    """Per environment the same letter where the answers are the same, bit for bit, and how far others are off."""
    headers, rows = ["Environment"], []
    for model in stored.models:
        headers += [model, "off by", "other predictions"]
    by_model = {
        model: _letters(one.digest for each in stored.found.environments for one in each.answers if one.model == model)
        for model in stored.models
    }
    for each in stored.found.environments:
        answers = {one.model: one for one in each.answers}
        row = [each.role]
        for model in stored.models:
            one = answers.get(model)
            if one is None:
                row += [NOT_MEASURED] * 3
                continue
            off = NOT_MEASURED if one.max_abs_diff is None else format_difference(one.max_abs_diff)
            changed = NOT_MEASURED if one.changed_predictions is None else f"{one.changed_predictions} of {one.inputs}"
            row += [by_model[model][one.digest], "0" if one.max_abs_diff == 0 else off, changed]
        rows.append(row)
    first = (
        "The same weights and images: environments with the same letter answer bit for bit alike; the rest is against "
        f"{stored.roles[0]}."
    )
    return f"{escape(first)}\n\n{markdown_table(headers, rows, text_columns=(0,))}"


def _other_machines(stored: StoredCompatibility, surveys: Sequence[StoredCompatibility]) -> str:
    """Whether other processors answer bit for bit alike, from their stored digests."""
    own = _digests(stored)
    lines = []
    for other in sorted(surveys, key=lambda one: one.run.started_at):
        if other.run.machine.name == stored.run.machine.name or other.found.seed != stored.found.seed:
            continue
        theirs = _digests(other)
        shared = [key for key in own if key in theirs]
        same = sum(own[key] == theirs[key] for key in shared)
        if shared:
            lines.append(f"On {other.run.machine.cpu}, {same} of {len(shared)} answers are the same, bit for bit.")
    return escape(" ".join(lines))


def _digests(stored: StoredCompatibility) -> dict[tuple[str, str], str]:
    return {(each.word, one.model): one.digest for each in stored.found.environments for one in each.answers}


def _trainings_table(stored: StoredCompatibility) -> str:
    """Whether a training repeats, and at which epoch it parts from that of the environment before."""
    environments = stored.found.environments
    rows = []
    for number, each in enumerate(environments):
        before = {one.model: one for one in environments[number - 1].trainings} if number else {}
        row = [each.role]
        for model in stored.models:
            one = next((one for one in each.trainings if one.model == model), None)
            row += [_repeats(one), _parts_from(before.get(model), one) if number else NOT_MEASURED]
        rows.append(row)
    headers = ["Environment"]
    for model in stored.models:
        headers += [f"{model}, again", "as the one before"]
    first = (
        "The same training from the same seed: whether it comes to the same weights, bit for bit, in a second process "
        "(in brackets with deterministic operators), and up to which epoch it is that of the environment before."
    )
    return f"{escape(first)}\n\n{markdown_table(headers, rows, text_columns=range(len(headers)))}"


def _repeats(one: Training | None) -> str:
    if one is None or one.failed or not one.runs:
        return f"fails: {one.failed}" if one and one.failed else NOT_MEASURED
    told = "yes" if len({*one.runs}) == 1 else "no"
    if not one.deterministic:
        return told
    return f"{told} ({'yes' if len({*one.deterministic}) == 1 else 'no'})"


def _parts_from(before: Training | None, one: Training | None) -> str:
    """The epoch up to which two trainings have the same weights."""
    if not (before and one and before.runs and one.runs):
        return NOT_MEASURED
    pairs = list(zip(before.runs[0], one.runs[0], strict=False))
    same = next((number for number, (old, new) in enumerate(pairs) if old != new), len(pairs))
    if same == len(pairs):
        return "the same"
    return "from the start on" if same == 0 else f"parts in epoch {same}"


def _exports_table(stored: StoredCompatibility) -> str:
    """ONNX graphs: their operators, and which are equal but for names."""
    kinds = [(each, one) for each in stored.found.environments for one in each.saved if one.format == "ONNX"]
    if not kinds:
        return ""
    graphs = {
        model: _letters(one.graph for _, one in kinds if one.model == model and one.graph) for model in stored.models
    }
    rows = []
    for model in stored.models:
        of_model = [(each, one) for each, one in kinds if one.model == model]
        for graph, letter in graphs[model].items():
            same = [(each, one) for each, one in of_model if one.graph == graph]
            one = same[0][1]
            said = "; ".join(dict.fromkeys(text for _, each in same for text in each.warnings)) or "none"
            roles = ranges([each.role for each, _ in same], stored.roles)
            rows.append([model, roles, letter, " ".join(one.operators), str(one.opset or NOT_MEASURED), said])
    headers = ["Model", "Exported by", "Graph", "Operators", "Opset", "Warnings"]
    return markdown_table(headers, rows, text_columns=range(len(headers)))


def _failed(stored: StoredCompatibility) -> str:
    lines = [f"- {each.word}: {each.failed}" for each in stored.found.environments if each.failed]
    return "\n".join(["Could not be surveyed:", "", *map(escape, lines)]) if lines else ""


def _packages(stored: StoredCompatibility) -> str:
    environments = stored.found.environments
    names = dict.fromkeys(name for each in environments for name in (*each.variables, *each.build, *each.packages))
    rows = []
    for each in environments:
        facts: dict[str, str | None] = {**each.variables, **each.build, **each.packages}
        rows.append([each.role, *(str(facts.get(name) or NOT_MEASURED) for name in names)])
    return markdown_table(["Environment", *names], rows, text_columns=range(len(names) + 1))


def _caption(stored: StoredCompatibility) -> str:
    run = stored.run
    parts = [
        run.dataset,
        f"{run.machine.cpu}, {run.machine.cpus} CPUs",
        f"Python {', '.join(dict.fromkeys(one.python for one in stored.found.environments if one.python))}",
        f"seed {stored.found.seed}",
        format_duration(stored.found.elapsed_s),
        run.started_at[:10],
        f"commit {run.commit}",
        f"`{run.command}`",
        f"run file `{run.file}`",
    ]
    return escape("; ".join(parts))
