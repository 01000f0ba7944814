"""The self-test chapter: false alarms and power with exact intervals, beside two other tools' rules, and the noise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.records.other_rules import RULES
from bench.records.selftests import FOLDER, false_alarms, timed_cases
from bench.report.html.view import Cell, Facets, Line, Panel, Section, Table, Trace, plot_text, shorten
from bench.report.pages.selftest import OURS, noise, rate_text, said, timed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.records.trials import StoredTrial
    from bench.report.html.stored import Stored
    from bench.stats.rates import Rate

SYMBOLS = ("circle", "diamond", "square")


def make_section(stored: Stored) -> Section:
    """Three rules on the same trials, and the noise."""
    trials = stored.selftest
    text = "An environment against itself, again and again: a copy of it, and heads with real regressions inside. "
    return Section(
        key="trust",
        short="Trust",
        title="How far to trust a verdict",
        text=f"{text}Bars are exact 95 % intervals of the true share (Clopper and Pearson).",
        panels=[_rules(trials), _noise(trials)] if trials else [],
    )


def _facets(trials: Sequence[StoredTrial]) -> Facets:
    run = trials[0].run
    return {"machine": shorten(str(run.machine.name)), "dataset": shorten(run.dataset), "device": shorten(run.device)}


def _rules(trials: Sequence[StoredTrial]) -> Panel:
    facets, folder = _facets(trials), f"{trials[0].run.machine.name}/{FOLDER}"
    rows = [
        (f"{case}: {injection or 'nothing, false alarms'}", said(some, case))
        for injection, some in timed(trials)
        for case in timed_cases(some)
    ]
    alarms = false_alarms(trials)
    sentence = f"{alarms.count} false alarms in {alarms.of} trials of equal environments."
    caught = [(label, rates[OURS]) for label, rates in rows if not label.endswith("false alarms")]
    sentence += "".join(f" {label}: {rate.count} of {rate.of}." for label, rate in caught)
    lines = [
        Line(cells=[label, name, Cell(rate_text(rate), rate.count / rate.of)], facets=facets, file=folder)
        for label, rates in rows
        for name, rate in rates.items()
        if rate.of
    ]
    return Panel(
        key="rules",
        title="Three rules on the same turns",
        sentence=sentence,
        traces=rule_traces(rows, facets),
        layout={
            "xaxis": {
                "title": {"text": "Share that said slower"},
                "tickformat": ".0%",
                "range": [-0.02, 1.02],
            },
            "yaxis": {"autorange": "reversed", "type": "category"},
            "scattermode": "group",
            "showlegend": True,
            "height": 200 + 70 * len(rows),
        },
        table=Table(("Trials", "Rule", "Said slower"), lines, (0, 1)),
    )


def rule_traces(rows: Sequence[tuple[str, dict[str, Rate]]], facets: Facets, files: str | None = None) -> list[Trace]:
    """A trace per rule: on each labelled row, the share that it said of, with its interval."""
    return [_trace(name, place, rows, facets, files) for place, name in enumerate((OURS, *RULES))]


def _trace(
    name: str, place: int, rows: Sequence[tuple[str, dict[str, Rate]]], facets: Facets, files: str | None
) -> Trace:
    known = [(label, rates[name]) for label, rates in rows if rates[name].of]
    shares = [rate.count / rate.of for _, rate in known]
    ends = [rate.interval() for _, rate in known]
    return Trace(
        plot={
            "type": "scatter",
            "mode": "markers",
            "orientation": "h",
            "offsetgroup": str(place),
            "name": plot_text(name),
            "x": [round(share, 4) for share in shares],
            "y": [plot_text(label) for label, _ in known],
            "error_x": {
                "symmetric": False,
                "array": [round(high - share, 4) for share, (_, high) in zip(shares, ends, strict=True)],
                "arrayminus": [round(share - low, 4) for share, (low, _) in zip(shares, ends, strict=True)],
            },
            "marker": {"color": f"@{place}", "symbol": SYMBOLS[place], "size": 10},
            "text": [rate_text(rate) for _, rate in known],
            "hovertemplate": "%{y}: %{text}",
        },
        facets=facets,
        files=files,
    )


def _noise(trials: Sequence[StoredTrial]) -> Panel:
    facets, found = _facets(trials), list(noise(trials))
    lines = [
        Line(
            cells=[
                f"{case}: {finding}",
                Cell(f"{100 * deviation:.2f} %", deviation),
                Cell(f"{100 * mean:+.2f} %", mean),
                Cell(f"{100 * error:.2f} %", error),
            ],
            facets=facets,
        )
        for case, finding, deviation, mean, error in found
    ]
    trace = Trace(
        plot={
            "type": "bar",
            "orientation": "h",
            "x": [round(deviation, 5) for *_, deviation, _, _ in found],
            "y": [plot_text(f"{case}: {finding}") for case, finding, *_ in found],
            "marker": {"color": "@0"},
            "hovertemplate": "%{x:.1%}<extra></extra>",
        },
        facets=facets,
    )
    return Panel(
        key="noise",
        title="The noise between rounds",
        sentence="Standard deviation, from round to round, of a copy's time over the base's; and what the copies "
        "differ by on the mean, with its standard error over trials.",
        traces=[trace] if found else [],
        layout={
            "xaxis": {"title": {"text": "Standard deviation"}, "tickformat": ".1%"},
            "yaxis": {"autorange": "reversed", "type": "category"},
            "height": 160 + 40 * len(found),
        },
        table=Table(("Finding", "Between rounds", "Between copies", "Standard error"), lines),
    )
