"""The first screen: three questions, each with its answer, one picture and a way on."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from bench.formats import NOT_MEASURED, format_accuracy
from bench.records.releases import freely_judged, release_name
from bench.records.selftests import FOLDER as SELFTEST
from bench.records.selftests import NOTHING
from bench.report.answers import SLOWDOWN, ship_sentence, survival_answer, trust_answer
from bench.report.html.sections.selftest import rule_traces
from bench.report.html.view import ARROW, Cell, Line, Panel, Section, Table, Trace, plot_text, shorten, time_axis
from bench.report.markdown import plain
from bench.report.pages.selftest import rate_text, rates
from bench.report.pages.trials import BETTER, LABELS, WORSE, number_text, ratio_text, sentence
from bench.report.shipping import SITUATIONS, choices, front, quickest_line, time_text
from bench.stats.simultaneous import CANNOT_TELL, SAME

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from bench.records.trials import Pair, Row, StoredTrial
    from bench.report.html.stored import Stored
    from bench.report.shipping import Choice

SYMBOLS = ("circle", "diamond", "square", "triangle-up", "cross", "star")
FOLDS = {SAME: "The same", CANNOT_TELL: "Cannot tell yet"}
"""Verdict to what the rows are called that are folded away."""
ONE_LINE = {
    "type": "line",
    "yref": "paper",
    "y0": 0,
    "y1": 1,
    "x0": 1,
    "x1": 1,
    "line": {"dash": "dot", "width": 1, "color": "@6"},
}
"""Where the ratio is 1."""


def make_section(stored: Stored) -> Section:
    """What to ship, whether to upgrade, and how sure that is; without those that nothing is stored for."""
    panels = [_ship(stored), _upgrade(stored), _trust(stored)]
    return Section(
        key="answers",
        short="Answers",
        title="Three questions",
        text="",
        panels=[panel for panel in panels if panel],
    )


def _ship(stored: Stored) -> Panel | None:
    """What to ship, for three ways of being asked."""
    suite, runtimes = stored.headline, stored.runtimes
    says, traces, lines, best = dict[str, str](), list[Trace](), list[Line](), ""
    for situation, title in SITUATIONS.items():
        found = choices(suite, runtimes, situation)
        if not found:
            continue
        kept = front(found)
        says[title] = plain(ship_sentence(suite, runtimes, situation), stars=True)
        best = kept[0].model
        traces += [*_models(found, kept, title, situation), _front_line(kept, title)]
        lines += _steps(kept, title, situation)
    if not says:
        return None
    times = [point for trace in traces for point in trace.plot["x"]]
    return Panel(
        key="ship",
        title="What do I ship?",
        sentence=next(iter(says.values())),
        says=says,
        pick="Asked",
        tabs=True,
        traces=traces,
        layout={
            "xaxis": time_axis("Time", times, digits=(1,)),
            "yaxis": {"title": {"text": "Test accuracy"}, "tickformat": ".2f"},
            "showlegend": True,
            "height": 330,
        },
        table=Table(("Ship", "Right", "Time", "Step"), lines, text_columns=(0, 3)),
        open=True,
        onward=("chapter-latency", "All runtimes, models and thread counts"),
        note=quickest_line(runtimes, best) if runtimes else "",
    )


def _models(found: Sequence[Choice], kept: Sequence[Choice], pick: str, situation: str) -> Iterator[Trace]:
    """Yield a trace per model, with a point per runtime; those on the front are filled and named."""
    for place, model in enumerate(dict.fromkeys(one.model for one in found)):
        some = [one for one in found if one.model == model]
        symbol = SYMBOLS[place % len(SYMBOLS)]
        plot: dict[str, Any] = {
            "type": "scatter",
            "mode": "markers+text",
            "name": plot_text(model),
            "x": [float(f"{one.seconds:.4g}") for one in some],
            "y": [round(one.accuracy, 5) for one in some],
            "text": [plot_text(f"{one.model}, {one.runtime}") if one in kept else "" for one in some],
            "textposition": "top right",
            "cliponaxis": False,
            "marker": {
                "color": f"@{place}",
                "size": [13 if one in kept else 8 for one in some],
                "symbol": [symbol if one in kept else f"{symbol}-open" for one in some],
            },
            "customdata": [plot_text(f"{one.model} in {one.runtime}: {time_text(one, situation)}") for one in some],
            "hovertemplate": "%{customdata}, %{y:.1%} right<extra></extra>",
        }
        yield Trace(plot=plot, pick=pick, files=some[0].file)


def _front_line(kept: Sequence[Choice], pick: str) -> Trace:
    return Trace(
        plot={
            "type": "scatter",
            "mode": "lines",
            "name": "not beaten on both",
            "x": [float(f"{one.seconds:.4g}") for one in kept],
            "y": [round(one.accuracy, 5) for one in kept],
            "line": {"dash": "dot", "width": 2, "color": "@6"},
            "hoverinfo": "skip",
        },
        pick=pick,
    )


def _steps(kept: Sequence[Choice], pick: str, situation: str) -> Iterator[Line]:
    """Yield a row for each model on the front, with what it costs and gains."""
    for place, one in enumerate(kept):
        step = NOT_MEASURED
        if place:
            before = kept[place - 1]
            points, times = 100 * (before.accuracy - one.accuracy), before.seconds / one.seconds
            step = f"−{points:.1f} points, {times:.2f} × as fast"
        yield Line(
            cells=[
                shorten(f"{one.model} in {one.runtime}"),
                Cell(format_accuracy(one.accuracy), one.accuracy),
                Cell(time_text(one, situation), one.seconds),
                step,
            ],
            pick=pick,
            file=one.file,
        )


def pairs_to_choose(stored: Stored) -> Iterator[tuple[str, StoredTrial, Pair]]:
    """Yield each upgrade that rounds are stored of, once: its name, the newest trial that has it, and the environments.

    Of releases these are all pairs, judged as the one family that a free choice means; of a duel, what it compared.
    """
    chosen: dict[str, tuple[StoredTrial, Pair]] = {}
    for found in stored.releases:
        for trial in map(freely_judged, found.trials) if not found.main.options.models else ():
            for pair in trial.pairs:
                chosen[ARROW.join(release_name(trial.environment(role)) for role in pair)] = trial, pair
    for trial in stored.trials:
        for pair in trial.pairs:
            chosen.setdefault(ARROW.join(shorten(trial.environment(role).word) for role in pair), (trial, pair))
    for name, (trial, pair) in chosen.items():
        yield name, trial, pair


def _upgrade(stored: Stored) -> Panel | None:
    """Whether to upgrade, from and to anything that is stored."""
    says, traces, lines = dict[str, str](), list[Trace](), list[Line]()
    for name, trial, pair in pairs_to_choose(stored):
        says[name] = plain(sentence(trial, pair), stars=True)
        rows = sorted(trial.rows_of(pair), key=_by_harm)
        traces.append(_forest([row for row in rows if row.word in WORSE | BETTER], name, trial.run.file))
        lines += [_line(row, name, trial.run.file) for row in rows]
    if not says:
        return None
    ends = [
        release_name(each) for found in stored.releases[:1] for each in (found.main.base, _newest(found.released.ends))
    ]
    first = ends if ARROW.join(ends) in says else next(iter(says)).split(ARROW)
    survives = plain(survival_answer(stored.compatibility).partition("[")[0])
    return Panel(
        key="upgrade",
        title="May I upgrade?",
        sentence=says[ARROW.join(first)],
        says=says,
        pair=("From", "to"),
        first=first,
        traces=traces,
        layout={
            "xaxis": {"title": {"text": "Ratio and interval; right of 1: slower or larger"}, "zeroline": False},
            "yaxis": {"autorange": "reversed", "type": "category"},
            "shapes": [ONE_LINE],
            "height": 330,
        },
        table=Table(("Finding", "Ratio (interval)", "Verdict"), lines, text_columns=(0, 2)),
        open=True,
        onward=("chapter-releases", "Every release, step by step"),
        note=survives,
    )


def _by_harm(row: Row) -> tuple[bool, float]:
    """What got worse before what got better, the largest change first."""
    return row.word not in WORSE, -abs(row.effect.value or 0.0)


def _newest(ends: tuple[StoredTrial, Pair]) -> Any:
    trial, pair = ends
    return trial.environment(pair[1])


def _forest(rows: Sequence[Row], pick: str, file: str) -> Trace:
    """The findings that changed, each with its interval."""
    known = [
        (row, math.exp(row.effect.value), math.exp(row.effect.low), math.exp(row.effect.high))
        for row in rows
        if row.effect.value is not None and row.effect.low is not None and row.effect.high is not None
    ]
    return Trace(
        plot={
            "type": "scatter",
            "mode": "markers",
            "x": [round(value, 4) for _, value, _, _ in known],
            "y": [plot_text(f"{row.case} {LABELS[row.finding]}") for row, *_ in known],
            "error_x": {
                "symmetric": False,
                "array": [round(high - value, 4) for _, value, _, high in known],
                "arrayminus": [round(value - low, 4) for _, value, low, _ in known],
                "color": "@6",
            },
            "marker": {
                "color": ["@1" if row.word in WORSE else "@2" for row, *_ in known],
                "symbol": ["triangle-up" if row.word in WORSE else "triangle-down" for row, *_ in known],
                "size": 11,
            },
            "customdata": [plot_text(f"{row.word}: {ratio_text(row)} times as much") for row, *_ in known],
            "hovertemplate": "%{y}<br>%{customdata}<extra></extra>",
        },
        pick=pick,
        files=file,
    )


def _line(row: Row, pick: str, file: str) -> Line:
    ratio = ratio_text(row)
    mark = "bad" if row.word in WORSE else "good" if row.word in BETTER else ""
    return Line(
        cells=[
            f"{row.case} {LABELS[row.finding]}",
            Cell(ratio, row.effect.value, title=f"{number_text(row, row.base)}{ARROW}{number_text(row, row.head)}")
            if ratio != NOT_MEASURED
            else ratio,
            Cell(row.word, mark=mark) if mark else row.word,
        ],
        pick=pick,
        file=file,
        fold=FOLDS.get(row.word, ""),
    )


def _trust(stored: Stored) -> Panel | None:
    """How often verdicts are wrong, and what they catch, beside two other rules on the same timings."""
    trials = stored.selftest
    told = plain(trust_answer(trials), stars=True)
    if not told:
        return None
    kinds = {"cases in equal copies, called slower": NOTHING, "cases really 5 % slower, called so": SLOWDOWN}
    rows = [(label, rates(trials, injection)) for label, injection in kinds.items()]
    return Panel(
        key="sure",
        title="How sure is it?",
        sentence=told,
        traces=rule_traces(rows, {}, f"{trials[0].run.machine.name}/{SELFTEST}"),
        layout={
            "xaxis": {"title": {"text": "Share of the cases"}, "tickformat": ".0%", "range": [-0.02, 1.02]},
            "yaxis": {"autorange": "reversed", "type": "category"},
            "scattermode": "group",
            "showlegend": True,
            "height": 300,
        },
        table=Table(
            ("Cases", "Rule", "Said slower"),
            [
                Line(cells=[label, name, Cell(rate_text(rate), rate.count / rate.of)])
                for label, said in rows
                for name, rate in said.items()
                if rate.of
            ],
            (0, 1),
        ),
        onward=("chapter-trust", "Case by case, and the noise"),
    )
