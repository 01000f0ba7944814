"""The self-test chapter: false alarms and power with exact intervals, beside two other tools' rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bench.formats import percent
from bench.records.other_rules import RULES
from bench.records.selftests import FOLDER
from bench.report.html.view import Cell, Facets, Line, Panel, Section, Table, Trace, plot_text, shorten
from bench.report.pages.selftest import by_case, injected, injected_shares, noise, rate_text
from bench.stats.power import Rate

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bench.records.selftests import SelftestDuel
    from bench.report.html.stored import Stored

SYMBOLS = ("circle", "diamond", "square")
LEVELS = {"rounds": "turns", "processes": "processes", "blocks": "blocks"}


def make_section(stored: Stored) -> Section:
    """Three rules on the same duels, and the components of the noise."""
    selftest_duels = [one for one in stored.selftest_duels if one.counts]
    failed = len(stored.selftest_duels) - len(selftest_duels)
    text = "An environment against itself, again and again, with nothing injected and with real slowdowns inside. "
    text += f"{failed} duels failed and are not counted. " if failed else ""
    return Section(
        key="trust",
        title="How far to trust a verdict",
        text=text + "Bars are exact 95 % intervals of the true share (Clopper and Pearson).",
        panels=[_rules(selftest_duels), _noise(selftest_duels)] if selftest_duels else [],
    )


def _facets(selftest_duels: Sequence[SelftestDuel]) -> Facets:
    metadata = selftest_duels[0].metadata
    return {
        "machine": shorten(str(metadata["machine"]["name"])),
        "dataset": shorten(str(metadata["dataset"])),
        "device": shorten(str(metadata["device"])),
    }


def _rules(selftest_duels: Sequence[SelftestDuel]) -> Panel:
    facets, rows = _facets(selftest_duels), []
    for case, duels in by_case(selftest_duels).items():
        for share in (0.0, *injected_shares(duels, slower=True)):
            alike = injected(duels, share, slower=True)
            label = f"{case}: {percent(share)} slower, caught" if share else f"{case}: equal, false alarms"
            if alike:
                rows.append((label, alike, _said(alike)))
    traces = [_trace(name, place, rows, facets) for place, name in enumerate(RULES)]
    alarms = [said["this duel"] for label, _, said in rows if label.endswith("false alarms")]
    false, equal = sum(one.count for one in alarms), sum(one.of for one in alarms)
    sentence = f"{false} false alarms in {equal} duels of equal sides."
    caught = [(label, said["this duel"]) for label, _, said in rows if label.endswith("caught")]
    sentence += "".join(f" {label}: {rate.count} of {rate.of}." for label, rate in caught)
    lines = [
        Line(
            cells=[label, name, Cell(rate_text(rate), rate.count / rate.of)],
            facets=facets,
            file=f"{alike[-1].metadata['machine']['name']}/{FOLDER}",
        )
        for label, alike, said in rows
        for name, rate in said.items()
    ]
    return Panel(
        key="rules",
        title="Three rules on the same raw data",
        sentence=sentence,
        traces=traces,
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
        table=Table(("Duels", "Rule", "Said slower"), lines, (0, 1)),
    )


def _said(duels: Sequence[SelftestDuel]) -> dict[str, Rate]:
    """Share of duels that each rule called slower."""
    return {name: Rate(sum(rule(one.row, one.margins) for one in duels), len(duels)) for name, rule in RULES.items()}


def _trace(name: str, place: int, rows: Sequence[tuple[str, Any, dict[str, Rate]]], facets: Facets) -> Trace:
    rates = [said[name] for _, _, said in rows]
    shares = [rate.count / rate.of for rate in rates]
    ends = [rate.interval() for rate in rates]
    return Trace(
        plot={
            "type": "scatter",
            "mode": "markers",
            "orientation": "h",
            "offsetgroup": str(place),
            "name": plot_text(name),
            "x": [round(share, 4) for share in shares],
            "y": [plot_text(label) for label, _, _ in rows],
            "error_x": {
                "symmetric": False,
                "array": [round(high - share, 4) for share, (_, high) in zip(shares, ends, strict=True)],
                "arrayminus": [round(share - low, 4) for share, (low, _) in zip(shares, ends, strict=True)],
            },
            "marker": {"color": f"@{place}", "symbol": SYMBOLS[place], "size": 10},
            "text": [rate_text(rate) for rate in rates],
            "hovertemplate": "%{y}: %{text}",
        },
        facets=facets,
    )


def _noise(selftest_duels: Sequence[SelftestDuel]) -> Panel:
    facets = _facets(selftest_duels)
    splits = {case: split for case, duels in by_case(selftest_duels).items() if (split := noise(duels))}
    traces = [
        Trace(
            plot={
                "type": "bar",
                "name": label,
                "orientation": "h",
                "x": [round(getattr(split, level), 5) for split in splits.values()],
                "y": [plot_text(case) for case in splits],
                "marker": {"color": f"@{place}", "pattern": {"shape": ("", "/", ".")[place]}},
                "hovertemplate": f"{label}: %{{x:.1%}}",
            },
            facets=facets,
        )
        for place, (level, label) in enumerate(LEVELS.items())
    ]
    lines = [
        Line(
            cells=[case, *(Cell(percent(getattr(split, level)), getattr(split, level)) for level in LEVELS)],
            facets=facets,
        )
        for case, split in splits.items()
    ]
    return Panel(
        key="noise",
        title="Where the noise comes from",
        sentence="Standard deviations as shares of the time: of turns within a process, of processes beyond what their "
        "turns explain, and of what both sides of a block have in common, which cancels in their ratio.",
        traces=traces,
        layout={
            "xaxis": {"title": {"text": "Standard deviation"}, "tickformat": ".0%"},
            "yaxis": {"autorange": "reversed", "type": "category"},
            "showlegend": True,
            "height": 160 + 90 * len(splits),
        },
        table=Table(("Case", *LEVELS.values()), lines),
    )
