"""The page of TensorFlow's releases: what changed in each, from the oldest to the newest, and the control."""

from __future__ import annotations

import math
import statistics
from typing import TYPE_CHECKING

from bench.formats import NOT_MEASURED, format_bytes, format_counted, format_duration
from bench.records.cases import case_recipe
from bench.records.releases import release_name
from bench.records.trials import BASE, CONTROL, MEMORY, OVERALL, PRIVATE, TYPICAL
from bench.report.markdown import escape, markdown_table
from bench.report.pages.own_models import own_models
from bench.report.pages.trials import (
    BETTER,
    EXPLANATION,
    LABELS,
    WORSE,
    accuracy_words,
    answer,
    caption,
    counts,
    notices,
    ratio_text,
    same_graph,
)
from bench.stats.accuracy import IDENTICAL, NO_DIFFERENCE
from bench.stats.simultaneous import ALARM_ERROR, CANNOT_TELL, ERROR, SAME
from models import HEADLINE

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bench.records.releases import ReleaseTrials
    from bench.records.trials import Pair, Row, StoredTrial

Key = tuple[str, str]
"""A case and a finding."""
MARKS = {**dict.fromkeys(WORSE, "▲"), **dict.fromkeys(BETTER, "▼"), SAME: "=", CANNOT_TELL: "?"}
LEGEND = "▲ slower, or more memory; ▼ faster, or less; = the same; ? cannot tell yet; – not measured."
SHOWN_IN_SENTENCE = 3
NARROW = {TYPICAL, MEMORY}
"""Findings of the READMEs' table, and of the sentence above it: those of one model (`is_narrow`)."""


def releases_page(found: ReleaseTrials) -> str:
    """The page."""
    parts = ["# Releases of TensorFlow", *map(ends_sentence, _ending(found)), control_sentence(found)]
    parts += [note for trial in found.trials for note in notices(trial)]
    parts += ["## What changed, release by release", step_lines(found), table(found), LEGEND, unchanged(found)]
    parts += [accuracy_lines(found), same_graph(found.main), own_models(*found.ends), settled_sentence(found)]
    parts += ["## All intervals", all_intervals(found)]
    parts += ["## The base", _base_table(found.main), "## What ran", _packages(found)]
    parts += [EXPLANATION, *(caption(trial) for trial in found.trials)]
    return "\n\n".join(part for part in parts if part) + "\n"


def pair_page(trial: StoredTrial) -> str:
    """What the stored rounds say of one pair of releases, which is the whole family."""
    (pair,) = trial.pairs
    rows = trial.rows_of(pair)
    lines = [[row.case, LABELS[row.finding], ratio_text(row), row.word, str(row.effect.rounds)] for row in rows]
    headers = ["Case", "Finding", "Ratio (simultaneous interval)", "Verdict", "Rounds"]
    parts = [answer(trial), markdown_table(headers, lines, text_columns=(0, 1, 3)), EXPLANATION, caption(trial)]
    return "\n\n".join(parts) + "\n"


def ends_sentence(found: ReleaseTrials) -> str:
    """What changed from the oldest release to the newest, with its error rate."""
    trial, pair = found.ends
    old, new = (release_name(trial.environment(role)) for role in pair)
    rows = trial.rows_of(pair)
    number = counts(rows)
    told = f"{number['worse']} worse, {number['better']} better, {number[SAME]} the same, {number[CANNOT_TELL]} open"
    lost = trial.less_accurate(pair)
    changed = [f"trains to less accuracy ({', '.join(lost)})"] if lost else []
    for some, verb in zip(changed_rows(trial, pair), ("is slower or larger", "is faster or smaller"), strict=True):
        changed += [f"{verb} in {named(some)}"] if some else []
    seen = " and ".join(changed) or "shows no change that can be told"
    sure = f"a false alarm in at most {100 * ALARM_ERROR:.0f} of 100 such trials, anything wrong in at most "
    sure += f"{100 * ERROR:.0f}"
    return escape(f"**TensorFlow {new} against {old} {seen}** ({told} of {len(rows)} findings; {sure}).")


def _ending(found: ReleaseTrials) -> list[ReleaseTrials]:
    """Up to the last release or candidate, and up to the nightly where one was added after it."""
    released = found.released
    return [released] if len(released.trials) == len(found.trials) else [released, found]


def _columns(found: ReleaseTrials) -> list[tuple[StoredTrial, Pair]]:
    """What the tables have a column for: each step, and the newest of each of these against the oldest."""
    return [*found.steps, *(one.ends for one in _ending(found))]


def changed_rows(trial: StoredTrial, pair: Pair) -> tuple[list[Row], list[Row]]:
    """What got worse and what got better from one release to another, a finding per case, the largest change first."""
    rows = trial.rows_of(pair)
    worse, better = (_one_per_case(row for row in rows if row.word in words) for words in (WORSE, BETTER))
    return worse, better


def step_lines(found: ReleaseTrials) -> str:
    """A sentence per release in which something changed, and one for the others."""
    lines, quiet = [], []
    for trial, pair in found.steps:
        old, new = (release_name(trial.environment(role)) for role in pair)
        rows = trial.rows_of(pair)
        parts = []
        for some, verb in zip(changed_rows(trial, pair), ("slower or larger", "faster or smaller"), strict=True):
            parts += [f"{verb}: {'; '.join(f'{_name(row)} {ratio_text(row)}' for row in some)}"] if some else []
        parts += [f"less accurate: {', '.join(lost)}"] if (lost := trial.less_accurate(pair)) else []
        if failed := trial.environment(pair[1]).failed:
            parts = [f"could not be measured to the end: {failed}"]
        if parts:
            lines.append(escape(f"- **{new}** (against {old}): {'. '.join(parts)}."))
        else:
            open_ = counts(rows)[CANNOT_TELL]
            quiet.append(f"{new} ({format_counted(open_, 'finding')} open)" if open_ else new)
    lines += [escape(f"- no change seen: {', '.join(quiet)}.")] if quiet else []
    return "\n".join(lines)


def table(found: ReleaseTrials) -> str:
    """One line per finding that ever changed: a mark and a ratio at each release, and from end to end."""
    by_key, columns = _by_key(found), _columns(found)
    shown = [key for key, rows in by_key.items() if any(row.word in WORSE | BETTER for row in rows.values())]
    lines = [
        [key[0], LABELS[key[1]], *(_cell(by_key[key].get((trial.run.file, pair))) for trial, pair in columns)]
        for key in shown
    ]
    return markdown_table(_headers(found), lines, text_columns=(0, 1)) if lines else ""


def narrow_table(found: ReleaseTrials) -> str:
    """The same for READMEs: typical times of one model and memory, which the case's name tells apart."""
    by_key, columns = _by_key(found), [*found.steps, found.ends]
    lines = [
        [key[0], *(_cell(rows.get((trial.run.file, pair))) for trial, pair in columns)]
        for key, rows in by_key.items()
        if is_narrow(*key) and any(row.word in WORSE | BETTER for row in rows.values())
    ]
    headers = ["Case", *_names(found), f"from {release_name(found.main.base)}"]
    return markdown_table(headers, lines, text_columns=(0,)) if lines else ""


def is_narrow(case: str, finding: str) -> bool:
    """Whether a finding is shown in READMEs: typical times of the headline model, and memory."""
    return finding in NARROW and (finding == MEMORY or case_recipe(case) == HEADLINE)


def unchanged(found: ReleaseTrials) -> str:
    """The findings that never changed, in a line."""
    never = [
        f"{key[0]} {LABELS[key[1]]}"
        for key, rows in _by_key(found).items()
        if not any(row.word in WORSE | BETTER for row in rows.values())
    ]
    return escape(f"Not seen to change anywhere: {', '.join(never)}.") if never else ""


def control_sentence(found: ReleaseTrials) -> str:
    """What the copy of the base came to: nothing, or this machine is not fit."""
    trial = found.trials[-1]
    pair = (BASE, CONTROL)
    rows = trial.rows_of(pair)
    if not rows:
        return ""
    number = counts(rows)
    values = [abs(row.effect.value) for row in rows if row.effect.value is not None and row.finding == TYPICAL]
    largest = f"; its typical times are off by {_percent(max(values))} at most" if values else ""
    if control_differs(found):
        which = "; ".join(f"{_name(row)} {ratio_text(row)}" for row in rows if row.word in WORSE | BETTER)
        return escape(
            f"**The control, a copy of the base, differs from it: this machine is not fit to judge.** {which}."
        )
    told = f"{number[SAME]} the same, {number[CANNOT_TELL]} open of {len(rows)} findings"
    return escape(f"The control, a copy of the base, raised no alarm ({told}{largest}).")


def control_differs(found: ReleaseTrials) -> bool:
    """Whether anything was said of the copy of the base."""
    number = counts(found.trials[-1].rows_of((BASE, CONTROL)))
    return bool(number["worse"] or number["better"])


def accuracy_lines(found: ReleaseTrials) -> str:
    """Where short trainings from equal seeds came to something else."""
    lines = []
    for trial, pair in found.steps:
        accuracies = trial.accuracies(pair)
        told = [f"{name}: {accuracy_words(one)}" for name, one in accuracies.items() if one.word != IDENTICAL]
        if told:
            lines.append(escape(f"- {release_name(trial.environment(pair[1]))}: {'; '.join(told)}."))
    words = [one.word for trial, pair in found.steps for one in trial.accuracies(pair).values()]
    if not words:
        return ""
    same = sum(word in {IDENTICAL, NO_DIFFERENCE} for word in words)
    first = (
        f"Accuracy after short trainings from equal seeds: {IDENTICAL} or {NO_DIFFERENCE} in {same} of {len(words)}."
    )
    return "\n".join([first, "", *lines] if lines else [first])


def settled_sentence(found: ReleaseTrials) -> str:
    """How much of the steps is settled, and how narrow their intervals are."""
    parts = []
    for finding in (TYPICAL, OVERALL):
        rows = [row for trial, pair in found.steps for row in trial.rows_of(pair) if row.finding == finding]
        widths = [
            (row.effect.high - row.effect.low) / 2
            for row in rows
            if row.effect.low is not None and row.effect.high is not None
        ]
        if rows:
            done = sum(row.effect.settled for row in rows)
            width = f", median half-width {_percent(statistics.median(widths))}" if widths else ""
            parts.append(f"{finding} in {done} of {len(rows)} cells{width}")
    return f"Settled: {'; '.join(parts)}." if parts else ""


def all_intervals(found: ReleaseTrials) -> str:
    """Every finding of every step, and of the ends, with its interval."""
    columns = _columns(found)
    lines = [
        [key[0], LABELS[key[1]], *(_interval(rows.get((trial.run.file, pair))) for trial, pair in columns)]
        for key, rows in _by_key(found).items()
    ]
    return markdown_table(_headers(found), lines, text_columns=(0, 1))


def _headers(found: ReleaseTrials) -> list[str]:
    base = release_name(found.main.base)
    return ["Case", "Finding", *_names(found), *(f"{base} to {_names(one)[-1]}" for one in _ending(found))]


def _names(found: ReleaseTrials) -> list[str]:
    return [release_name(trial.environment(pair[1])) for trial, pair in found.steps]


def _by_key(found: ReleaseTrials) -> dict[Key, dict[tuple[str, Pair], Row]]:
    """Each case and finding to its rows by run file and pair."""
    rows: dict[Key, dict[tuple[str, Pair], Row]] = {}
    for trial, pair in _columns(found):
        for row in trial.rows_of(pair):
            rows.setdefault((row.case, row.finding), {})[trial.run.file, pair] = row
    return rows


def _cell(row: Row | None) -> str:
    """A mark, and the ratio of what changed."""
    if row is None:
        return NOT_MEASURED
    changed = row.word in WORSE | BETTER and row.effect.value is not None
    return f"{MARKS[row.word]} {math.exp(row.effect.value or 0.0):.2f}" if changed else MARKS[row.word]


def _interval(row: Row | None) -> str:
    return NOT_MEASURED if row is None else f"{MARKS[row.word]} {ratio_text(row)}"


def _base_table(trial: StoredTrial) -> str:
    """The base's own figures."""
    rows = {(row.case, row.finding): row for row in trial.rows if row.against == BASE}
    lines = [
        [case, LABELS[finding], format_bytes(round(row.base)) if row.measure == PRIVATE else format_duration(row.base)]
        for (case, finding), row in rows.items()
    ]
    return markdown_table(["Case", "Finding", release_name(trial.base)], lines, text_columns=(0, 1))


def _packages(found: ReleaseTrials) -> str:
    """Per environment its packages, and what TensorFlow was built from and brings along."""
    environments = {release_name(one): one for trial in found.trials for one in trial.options.environments}
    facts = {name: {**one.variables, **one.build, **one.packages} for name, one in environments.items()}
    names = dict.fromkeys(name for told in facts.values() for name in told)
    alike = [name for name in names if len({told.get(name) for told in facts.values()}) == 1]
    differing = [name for name in names if name not in alike]
    first = next(iter(facts.values()))
    lines = [[name, *(str(told.get(one) or NOT_MEASURED) for one in differing)] for name, told in facts.items()]
    parts = [markdown_table(["Environment", *differing], lines, text_columns=range(len(differing) + 1))]
    parts += (
        [escape(f"The same everywhere: {', '.join(str(first[name]) for name in alike if first[name])}.")]
        if alike
        else []
    )
    return "\n\n".join(parts)


def _one_per_case(rows: Iterable[Row]) -> list[Row]:
    """Of each case its typical time where that is among them, and else the first finding; the largest change first."""
    found: dict[str, Row] = {}
    for row in rows:
        if row.case not in found or row.finding == TYPICAL:
            found[row.case] = row
    return sorted(found.values(), key=_size, reverse=True)


def named(rows: Sequence[Row], *, labels: bool = True) -> str:
    """The largest changes by name and size, and how many more there are; without `labels` the case alone is named."""
    shown = [f"{_name(row) if labels else row.case} {ratio_text(row)}" for row in rows[:SHOWN_IN_SENTENCE]]
    more = len(rows) - len(shown)
    return ", ".join(shown) + (f", +{more}" if more else "")


def _name(row: Row) -> str:
    return f"{row.case} {LABELS[row.finding]}"


def _size(row: Row) -> float:
    """How far it is from the same; steps and calls come before starts and memory."""
    return abs(row.effect.value or 0.0) + (row.finding in {TYPICAL, OVERALL}) * 100


def _percent(logarithm: float) -> str:
    return f"{100 * math.expm1(logarithm):.1f} %"
