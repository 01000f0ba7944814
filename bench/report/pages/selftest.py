"""The page of a self-test: how often trials are wrong on this machine, and what they catch."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING

from bench.formats import NOT_MEASURED, format_counted, format_duration
from bench.records.other_rules import RULES
from bench.records.selftests import (
    LABELS,
    NOTHING,
    Injected,
    by_injection,
    false_alarms,
    really_added,
    resampled,
    said_slower,
    timed_cases,
)
from bench.records.trials import OVERALL, TYPICAL
from bench.report.markdown import escape, markdown_table
from bench.stats.rates import Rate

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bench.records.trials import StoredTrial

OURS = "this trial"
NO_DIFFERENCE = "nothing, in equal copies"
EXPLANATION = (
    "Each trial is of an environment against itself: the base, and the control, a copy of it that was installed "
    "separately, in a folder of its own. Injections are real work inside the clock, in turns of the one's processes, "
    "judged against the other's. The table has how often a "
    "case was called slower, by its typical or its overall time; in brackets the exact 95 % interval of the true share "
    "(Clopper and Pearson), over several cases as if those of a trial erred together. Every trial that was started is "
    "counted. *Really added*: the mean ratio over all trials, less 1. The last two columns are other tools' rules on "
    "the same turns: medians more than 5 % apart, as `pytest-benchmark compare --compare-fail=median:5%` asks; asv's "
    "Mann-Whitney test at p < 0.002 with medians more than a factor of 1.05 apart."
)
RESAMPLED = (
    "*Drawn anew*: as many trials as the table says, made from the stored rounds, drawn with replacement and not "
    "centred, so that what two copies of an environment differ by stays in them."
)


def selftest_page(trials: Sequence[StoredTrial]) -> str:
    """The page."""
    parts = ["# How far verdicts can be trusted on this machine", alarm_sentence(trials), *selftest_notices(trials)]
    parts += [
        rules_table(trials),
        labels_line(trials),
        EXPLANATION,
        "## Drawn anew",
        resampled_table(trials),
        RESAMPLED,
    ]
    parts += ["## Noise", noise_table(trials), selftest_caption(trials)]
    return "\n\n".join(part for part in parts if part) + "\n"


def alarm_sentence(trials: Sequence[StoredTrial]) -> str:
    """How many controls raised a false alarm, and which."""
    rate, controls = false_alarms(trials), by_injection(trials).get(NOTHING, [])
    named = [f"{row.case} {row.finding} {row.word} in {one.trial.run.file}" for one in controls for row in one.alarms]
    which = f": {'; '.join(named)}" if named else ""
    return escape(f"**False alarms between copies of one environment: {rate_text(rate)} trials**{which}.")


def selftest_notices(trials: Sequence[StoredTrial]) -> list[str]:
    """Warnings above the tables: trials that were stopped."""
    stopped = sum(not one.run.complete for one in trials)
    return (
        [f"{format_counted(stopped, 'trial')} was stopped before its end, and counts as it stands."] if stopped else []
    )


def rules_table(trials: Sequence[StoredTrial]) -> str:
    """A row per case and injection: how often each rule said slower."""
    headers = ["Case", "Injected", "Really added: typical, overall", OURS, *RULES]
    rows = [
        [
            case,
            injection or "nothing",
            _added(some, case),
            *(rate_text(rate) for rate in said(some, case).values()),
        ]
        for injection, some in timed(trials)
        for case in timed_cases(some)
    ]
    return markdown_table(headers, rows, text_columns=(0, 1))


def narrow_rules_table(trials: Sequence[StoredTrial]) -> str:
    """The same for READMEs: a row per injection, over all cases, and one for equal copies."""
    injections = [injection for injection, _ in timed(trials) if injection]
    rows = [
        [injection or NO_DIFFERENCE, *(rate_text(rate) for rate in rates(trials, injection).values())]
        for injection in (*injections, NOTHING)
    ]
    return markdown_table(["Injected", OURS, *RULES], rows, text_columns=(0,))


def rates(trials: Sequence[StoredTrial], injection: str) -> dict[str, Rate]:
    """How often each rule said slower, over all cases, where this was injected."""
    some = by_injection(trials).get(injection, [])
    found = [said(some, case) for case in timed_cases(some)]
    return {
        name: Rate(sum(one[name].count for one in found), sum(one[name].of for one in found), len(some))
        for name in (OURS, *RULES)
    }


def timed(trials: Sequence[StoredTrial]) -> Iterator[tuple[str, list[Injected]]]:
    """Yield each injection that changes times, and the control."""
    for injection, some in by_injection(trials).items():
        if not injection.startswith(LABELS):
            yield injection, some


def said(some: Sequence[Injected], case: str) -> dict[str, Rate]:
    """How often each rule said slower of a case."""
    ours = Rate(sum(one.called(case) for one in some), len(some))
    return {OURS: ours, **{name: said_slower(some, case, rule) for name, rule in RULES.items()}}


def labels_line(trials: Sequence[StoredTrial]) -> str:
    """How often a loss of accuracy was called."""
    lines = []
    for injection, some in by_injection(trials).items():
        if injection.startswith(LABELS):
            called = Rate(sum(bool(one.trial.less_accurate(one.pair)) for one in some), len(some))
            lines.append(f"Wrong labels ({injection}): called less accurate in {rate_text(called)}.")
    return escape(" ".join(lines))


def resampled_table(trials: Sequence[StoredTrial]) -> str:
    """How often trials that are drawn anew say slower, and raise a false alarm."""
    found = resampled(trials)
    if found is None:
        return "There are no rounds to draw from yet."
    rows = [
        [case, injection, rate_text(rate)]
        for (injection, case), rate in found.called.items()
        if injection != NOTHING and case in timed_cases(by_injection(trials)[injection])
    ]
    rows.append(["any finding", "nothing: false alarms", rate_text(found.alarms)])
    drawn = f"From {format_counted(found.rounds, 'round')}, {found.length} in each trial:"
    return f"{drawn}\n\n{markdown_table(['Case', 'Injected', 'Said slower'], rows, text_columns=(0, 1))}"


def noise_table(trials: Sequence[StoredTrial]) -> str:
    """The spread between rounds of each finding's ratio between copies, and what the copies differ by."""
    rows = [
        [case, finding, _percent(deviation), f"{_percent(mean)} ± {_percent(error)}"]
        for case, finding, deviation, mean, error in noise(trials)
    ]
    headers = ["Case", "Finding", "Between rounds", "Between the copies"]
    return markdown_table(headers, rows, text_columns=(0, 1)) if rows else ""


def noise(trials: Sequence[StoredTrial]) -> Iterator[tuple[str, str, float, float, float]]:
    """Yield case, finding, the standard deviation of a round's ratio of the control (within trials), the mean ratio
    less 1, and its standard error over trials.
    """
    controls = by_injection(trials).get(NOTHING, [])
    for case in timed_cases(controls):
        for finding in (TYPICAL, OVERALL):
            series = [values for one in controls if len(values := one.ratios(case, finding)) > 1]
            if len(series) > 1:
                means = [statistics.fmean(values) for values in series]
                deviation = statistics.fmean(statistics.variance(values) for values in series) ** 0.5
                yield case, finding, deviation, statistics.fmean(means), statistics.stdev(means) / len(means) ** 0.5


def selftest_caption(trials: Sequence[StoredTrial]) -> str:
    """Caption: environment, data, machine, dates, commits, commands."""
    run, base = trials[0].run, trials[0].base
    machines = dict.fromkeys(f"{one.run.machine.cpu}, {one.run.machine.cpus} CPUs" for one in trials)
    nodes, series = ({getattr(one.options, name) for one in trials} for name in ("node", "series"))
    budgets = sorted({one.options.budget_s for one in trials})
    days = sorted({one.run.started_at[:10] for one in trials})
    rounds = statistics.median(max((row.effect.rounds for row in one.rows), default=0) for one in trials)
    parts = [
        f"{base.word} against itself",
        f"{run.dataset}, {run.device} ({format_counted(run.threads, 'thread')})",
        "; ".join(machines) + (f" ({len(nodes)} machines)" if len(nodes) > 1 else ""),
        f"at most {' or '.join(map(format_duration, budgets))} a trial, {rounds:.0f} rounds in the middle one",
        " to ".join(dict.fromkeys([days[0], days[-1]])),
        f"commit {', '.join(dict.fromkeys(one.run.commit for one in trials))}",
        *(f"`{command}`" for command in dict.fromkeys(one.run.command for one in trials)),
        f"{format_counted(len(trials), 'run file')} of {', '.join(sorted(series))}",
    ]
    return escape("; ".join(parts))


def rate_text(rate: Rate) -> str:
    """A rate with its exact 95 % interval in percent, as text; a dash for no trials."""
    if not rate.of:
        return NOT_MEASURED
    low, high = rate.interval()
    digits = 1 if (rate.trials or rate.of) >= 100 else 0  # noqa: PLR2004  where tenths of a percent mean something
    return f"{rate.count} of {rate.of} ({100 * low:.{digits}f}–{100 * high:.{digits}f} %)"


def _added(some: Sequence[Injected], case: str) -> str:
    values = [really_added(some, case, finding) for finding in (TYPICAL, OVERALL)]
    return ", ".join(NOT_MEASURED if value is None else f"{100 * value:+.1f} %" for value in values)


def _percent(value: float) -> str:
    return f"{100 * value:.2f} %"
