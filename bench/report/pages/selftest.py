"""Markdown page of the self-test, from its stored duels. Pure functions."""

from __future__ import annotations

import math
import statistics
from typing import TYPE_CHECKING

from bench.formats import NOT_MEASURED, format_counted, format_duration, percent
from bench.records.injection import parse_injection
from bench.records.other_rules import RULES
from bench.report.markdown import escape, markdown_table
from bench.stats.power import Rate, detectable_slowdown, mean_split
from bench.stats.variance_components import split_noise
from bench.stats.verdicts import FASTER, SAME, SLOWER, WORSE
from models import RECIPES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bench.records.cases import Case
    from bench.records.selftests import SelftestDuel
    from bench.stats.variance_components import Split

ALARMS = {SLOWER, FASTER, WORSE}
EVERY_CASE = "all cases"
EXPLANATION = (
    "Each duel is of one case, of an environment against itself, with fresh processes, its own seed and its own scout. "
    "*False alarms*: duels with nothing injected that said `slower`, `faster` or `worse`. *Caught*: duels that called "
    "an injected slowdown `slower`, or an injected loss of accuracy `worse`. A slowdown is injected as so many more "
    "images or calls inside the timed region, a loss of accuracy as so many training images with labels at random; the "
    "loss that this made is given. In brackets: the exact 95 % interval of the true share (Clopper and Pearson). "
    "*Detectable*: the smallest slowdown that 19 of 20 duels would call `slower` at the end of the budget, by the "
    "duel's own rule from the noise of its columns, were that normal."
)
RULES_EXPLANATION = (
    "How often HEAD counted as slower, by three rules on the very same raw data: the duel's own; the medians of all "
    "rounds more than 5 % apart, as `pytest-benchmark compare --compare-fail=median:5%` asks; asv's Mann-Whitney test "
    "at p < 0.002 with medians more than a factor of 1.05 apart. Where nothing was injected, each `slower` is a false "
    "alarm. The other two rules see the rounds of all interleaved blocks, more than their own tools would measure."
)


def selftest_page(selftest_duels: Sequence[SelftestDuel]) -> str:
    """The page of a self-test."""
    parts = [
        "# How far duels can be trusted on this machine",
        *selftest_notices(selftest_duels),
        gate_table(selftest_duels),
        EXPLANATION,
        "## The same raw data, judged by three rules",
        rules_table(selftest_duels),
        RULES_EXPLANATION,
        selftest_caption(selftest_duels),
    ]
    return "\n\n".join(parts) + "\n"


def selftest_notices(selftest_duels: Sequence[SelftestDuel]) -> list[str]:
    """Warnings above the tables: duels that failed, and why."""
    reasons: dict[str, int] = {}
    for one in selftest_duels:
        if not one.counts:
            reason = one.row.failed or "; ".join(one.row.missing.values()) or "no block ended within the budget"
            name = f"{one.row.case.name}: {reason}"
            reasons[name] = reasons.get(name, 0) + 1
    lines = [f"**FAILED, not counted: {format_counted(count, 'duel')} of {name}**" for name, count in reasons.items()]
    return [escape(line) for line in lines]


def gate_table(selftest_duels: Sequence[SelftestDuel]) -> str:
    """A row per case: false alarms, caught injections of each size, the detectable slowdown, and the noise."""
    shares, labels = injected_shares(selftest_duels, slower=True), injected_shares(selftest_duels, slower=False)
    headers = [
        "Case",
        "False alarms",
        "Nothing injected: same",
        *(f"{percent(share)} slower: caught" for share in shares),
        *(f"{percent(share)} wrong labels: caught (loss)" for share in labels),
        f"Detectable in {_budgets(selftest_duels)}",
        "A duel (median)",
        "Noise: turns, processes, blocks",
    ]
    rows = [_gate_row(case, duels, shares, labels) for case, duels in by_case(selftest_duels).items()]
    if len(rows) > 1:
        rows.append([EVERY_CASE, rate_text(false_alarms(selftest_duels)), *[NOT_MEASURED] * (len(headers) - 2)])
    return markdown_table(headers, rows, text_columns=(0,))


def rules_table(selftest_duels: Sequence[SelftestDuel]) -> str:
    """A row per case and injected slowdown: how often each rule said slower."""
    rows = []
    for name, duels in {**by_case(selftest_duels), EVERY_CASE: [one for one in selftest_duels if one.counts]}.items():
        for share in (0.0, *injected_shares(duels, slower=True)):
            alike = injected(duels, share, slower=True)
            if alike:
                said = [Rate(sum(rule(one.row, one.margins) for one in alike), len(alike)) for rule in RULES.values()]
                rows.append([name, percent(share) if share else "none", *(rate_text(rate) for rate in said)])
    return markdown_table(["Case", "Extra work in HEAD", *RULES], rows, text_columns=(0,))


def selftest_caption(selftest_duels: Sequence[SelftestDuel]) -> str:
    """Caption: environment, data, machine, versions, dates, commands."""
    metadata = selftest_duels[0].metadata
    days = sorted({one.metadata["started_at"][:10] for one in selftest_duels})
    packages = metadata["packages"]
    parts = [
        f"{metadata['duel']['base']} against itself",
        f"{metadata['dataset']}, {metadata['device']} ({format_counted(metadata['threads'], 'thread')})",
        f"{metadata['machine']['cpu']}, {metadata['machine']['cpus']} CPUs",
        f"TensorFlow {packages.get('tensorflow')}, ONNX Runtime {packages.get('onnxruntime')}",
        " to ".join(dict.fromkeys([days[0], days[-1]])),
        f"commit {', '.join(dict.fromkeys(one.metadata['commit'] for one in selftest_duels))}",
        *(f"`{command}`" for command in dict.fromkeys(one.metadata["command"] for one in selftest_duels)),
        f"{format_counted(len(selftest_duels), 'run file')} of {metadata['selftest']['id']}",
    ]
    return escape("; ".join(parts))


def false_alarms(selftest_duels: Sequence[SelftestDuel]) -> Rate:
    """Share of duels without an injection that raised an alarm, over all cases."""
    return _rate([one for one in selftest_duels if one.counts and one.injection is None], _alarmed)


def rate_text(rate: Rate) -> str:
    """A rate with its exact 95 % interval in percent, as text; a dash for no trials."""
    if not rate.of:
        return NOT_MEASURED
    low, high = rate.interval()
    return f"{rate.count} of {rate.of} ({100 * low:.0f}–{100 * high:.0f} %)"


def _gate_row(case: str, duels: Sequence[SelftestDuel], shares: Sequence[float], labels: Sequence[float]) -> list[str]:
    equal, split = injected(duels, 0.0, slower=True), noise(duels)
    return [
        case,
        rate_text(_rate(equal, _alarmed)),
        rate_text(_rate(equal, lambda one: one.outcome.time.verdict == SAME)),
        *(rate_text(_rate(injected(duels, share, slower=True), _slower)) for share in shares),
        *(_caught_loss(injected(duels, share, slower=False)) for share in labels),
        _detectable(duels, split),
        _length(duels),
        NOT_MEASURED if split is None else _percents(split),
    ]


def _rate(duels: Sequence[SelftestDuel], said: Callable[[SelftestDuel], bool]) -> Rate:
    return Rate(sum(said(one) for one in duels), len(duels))


def _alarmed(one: SelftestDuel) -> bool:
    known = one.outcome
    return bool(ALARMS & {found.verdict for found in (known.time, known.accuracy) if found})


def _slower(one: SelftestDuel) -> bool:
    return one.outcome.time.verdict == SLOWER


def _caught_loss(duels: Sequence[SelftestDuel]) -> str:
    """Share of injected losses of accuracy that were caught, with the loss itself."""
    if not duels:
        return NOT_MEASURED
    caught = _rate(duels, lambda one: one.outcome.accuracy is not None and one.outcome.accuracy.verdict == WORSE)
    pairs = [block.accuracies for one in duels for block in one.row.blocks]
    loss = statistics.fmean(base - head for base, head in pairs)
    return f"{rate_text(caught)}, {100 * loss:.1f} points"


def by_case(selftest_duels: Sequence[SelftestDuel]) -> dict[str, list[SelftestDuel]]:
    """The duels that count, by case, the cases in display order."""
    cases: dict[str, list[SelftestDuel]] = {}
    for one in selftest_duels:
        if one.counts:
            cases.setdefault(one.row.case.name, []).append(one)
    return dict(sorted(cases.items(), key=lambda item: _place(item[1][0].row.case)))


def _place(case: Case) -> tuple[int, bool, bool, int, int]:
    """The sort key of a case: by model, trainings first, then by batch size and threads."""
    model = list(RECIPES).index(case.recipe) if case.recipe in RECIPES else len(RECIPES)
    return model, case.stage != "train", case.trainer == "compiled", case.batch_size, case.threads


def injected_shares(selftest_duels: Sequence[SelftestDuel], *, slower: bool) -> list[float]:
    """Sizes of the injected slowdowns (or label errors), ascending."""
    injections = [parse_injection(one.injection) for one in selftest_duels if one.injection and one.counts]
    return sorted({injection.share for injection in injections if (injection.kind != "labels") == slower})


def injected(duels: Sequence[SelftestDuel], share: float, *, slower: bool) -> list[SelftestDuel]:
    """The duels with an injection of this size; with a share of 0, those without."""
    kinds = [(one, parse_injection(one.injection)) for one in duels]
    return [one for one, injection in kinds if injection.share == share and (injection.kind != "labels") == slower]


def noise(duels: Sequence[SelftestDuel]) -> Split | None:
    """Variance components of all duels of a case; an injection changes the level, not the noise around it."""
    sides = [([block.base_s for block in one.row.blocks], [block.head_s for block in one.row.blocks]) for one in duels]
    splits = [split_noise(base_s, head_s) for base_s, head_s in sides]
    return mean_split([split for split in splits if split is not None])


def _detectable(duels: Sequence[SelftestDuel], split: Split | None) -> str:
    """The smallest slowdown that is detectable within the budget, as text."""
    if split is None:
        return NOT_MEASURED
    one, blocks = duels[0], [block for one in duels for block in one.row.blocks]
    process_s = statistics.median(block.process_s for block in blocks)
    block_s = statistics.median(block.process_s + block.turns_s for block in blocks)
    slowdown = detectable_slowdown(
        split,
        rounds=round(statistics.median(len(block.base_s) for block in blocks)),
        blocks=int(
            (one.metadata["selftest"]["budget_s"] - process_s) / block_s
        ),  # a scout takes as long as a preparation
        margin=math.log1p(one.margins.time),
        family=1 if one.outcome.accuracy is None else 2,
    )
    return "too few blocks" if slowdown is None else percent(slowdown)


def _length(duels: Sequence[SelftestDuel]) -> str:
    blocks = statistics.median(len(one.row.blocks) for one in duels)
    spent_s = statistics.median(sum(block.process_s + block.turns_s for block in one.row.blocks) for one in duels)
    return f"{blocks:.0f} blocks, {format_duration(spent_s)}"


def _percents(split: Split) -> str:
    return ", ".join(percent(share) for share in (split.rounds, split.processes, split.blocks))


def _budgets(selftest_duels: Sequence[SelftestDuel]) -> str:
    return " or ".join(dict.fromkeys(format_duration(one.metadata["selftest"]["budget_s"]) for one in selftest_duels))
