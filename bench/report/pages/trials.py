"""The answer of a trial: a sentence, the counts, the rows that changed, one line for the rest, and what ran."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from bench.formats import NOT_MEASURED, format_accuracy, format_bytes, format_counted, format_duration
from bench.records.cases import INJECT
from bench.records.schema.trials import TrialRecord
from bench.records.trials import CONTROL, MEMORY, OVERALL, PRIVATE, START, TYPICAL
from bench.report.markdown import escape, markdown_table
from bench.report.pages.own_models import own_models
from bench.stats.accuracy import IDENTICAL, LESS
from bench.stats.simultaneous import ALARM_ERROR, CANNOT_TELL, CLEARANCE, ERROR, FASTER, SAME, SLOWER

if TYPE_CHECKING:
    from bench.records.schema.trials import EnvironmentFacts
    from bench.records.trials import Pair, Row, StoredTrial
    from bench.stats.accuracy import AccuracyFinding

WORSE = {SLOWER, "larger"}
BETTER = {FASTER, "smaller"}
BUSY = 1.0
"""Load average of the minute before above which somebody else keeps a core busy."""
VERBS = {START: "starts more slowly than", MEMORY: "takes more memory than"}
"""What is said of findings that are not on steps or calls, the more important one first."""
LABELS = {TYPICAL: "typical", OVERALL: "overall", START: "at the start", MEMORY: "peak memory"}
EXPLANATION = (
    "*Typical*: what an undisturbed step or call takes, the 7.5 % quantile of a turn, slow turns weighing less. "
    "*Overall*: their mean, with what lies between them, so that stalls and rare slow steps count. Peak memory is "
    "that of a process with all of the trial's cases. Ratios are to the base within a round of fresh processes, "
    "measured in turns. All intervals hold at once, and whenever the trial "
    f"stops, with at least {100 * (1 - ERROR):.0f} % probability. Each word follows from its interval alone: wholly "
    f"within the margin it is the same; off 1 by {CLEARANCE:.0%} of its half-width, and beyond half of the margin or "
    "with its middle beyond all of it, it is slower or faster, which trials of equal environments say in at most "
    f"{100 * ALARM_ERROR:.0f} of 100."
)


def trial_page(trial: StoredTrial, level: int = 2) -> str:
    """A trial as Markdown, with headings of this level where it has several heads."""
    parts = [answer(trial), *notices(trial)]
    for pair in trial.pairs:
        rows, head = trial.rows_of(pair), trial.environment(pair[1])
        changed = [row for row in rows if row.word in WORSE | BETTER]
        open_ = [row for row in rows if row.word == CANNOT_TELL]
        parts += [f"{'#' * level} {escape(head.role)}: {escape(head.word)}" if len(trial.heads) > 1 else ""]
        parts += [_table(changed)] if changed else []
        parts += [_rest("Same", [row for row in rows if row.word == SAME])]
        parts += ["Cannot tell yet:", _table(open_, more=True)] if open_ else []
        parts += [_accuracy(trial, pair), same_graph(trial), own_models(trial, pair)]
    parts += [packages(trial), EXPLANATION, caption(trial)]
    return "\n\n".join(part for part in parts if part) + "\n"


def answer(trial: StoredTrial) -> str:
    """The answer in a sentence per environment, with its error rate and its counts."""
    return "\n\n".join(sentence(trial, pair) for pair in trial.pairs)


def counts(rows: Iterable[Row]) -> dict[str, int]:
    """How many findings are worse, better, the same, and not settled."""
    found = {"worse": 0, "better": 0, SAME: 0, CANNOT_TELL: 0}
    for row in rows:
        found["worse" if row.word in WORSE else "better" if row.word in BETTER else row.word] += 1
    return found


def sentence(trial: StoredTrial, pair: Pair) -> str:
    """The answer on one environment, with its error rate and its counts."""
    against, head = map(trial.environment, pair)
    rows = trial.rows_of(pair)
    number, total = counts(rows), len(rows)
    name, base = f"`{escape(head.word)}`", f"`{escape(against.word)}`"
    sure = f"wrong in at most {100 * ERROR:.0f} of 100 such trials"
    alarm = f"a false alarm in at most {100 * ALARM_ERROR:.0f} of 100 such trials"
    if reason := unfit(trial, pair):
        return f"**{name} {escape(reason)}**"
    told = f"{number['worse']} worse, {number['better']} better, {number[SAME]} the same, {number[CANNOT_TELL]} open"
    worst = max((row for row in rows if row.word in WORSE), key=_by_weight, default=None)
    if head.role == CONTROL:
        fit = "has too few rounds yet" if not number[SAME] else "shows no difference from the base, whose copy it is"
        if number["worse"] or number["better"]:
            fit = "differs from the base, whose copy it is: this machine is not fit to judge"
        return f"**The control {fit}** ({told} of {total} findings)."
    if lost := trial.less_accurate(pair):
        which = ", ".join(lost)
        return f"**{name} trains to less accuracy than {base}: {which}** ({told} of {total} findings; {alarm})."
    if worst:
        verb = VERBS.get(worst.finding, "is slower than")
        which = f"{worst.case} {LABELS[worst.finding]} {ratio_text(worst)}"
        return f"**{name} {verb} {base}: {which}** ({told} of {total} findings; {alarm})."
    if number[CANNOT_TELL]:
        seen = "nothing got worse as far as can be told" if number[SAME] or number["better"] else "nothing can be told"
        return f"**{name} against {base}: {seen}** ({told} of {total} findings; {sure})."
    best = "and faster in places" if number["better"] else "and the same in every finding"
    return f"**{name} is nowhere slower than {base}, {best}** ({told} of {total} findings; {sure})."


def unfit(trial: StoredTrial, pair: Pair) -> str:
    """Why an environment is not judged by its times; empty where it is."""
    if broken := trial.broken(pair):
        return f"is not fit for {', '.join(broken)}: {'; '.join(dict.fromkeys(broken.values()))}"
    failed = trial.environment(pair[1]).failed
    return f"could not be measured to the end: {failed}" if failed else ""


def _by_weight(row: Row) -> tuple[int, float]:
    """Steps and calls before the start, the start before memory, then the larger change."""
    return -list(VERBS).index(row.finding) if row.finding in VERBS else 1, row.effect.value or 0.0


def notices(trial: StoredTrial) -> list[str]:
    """Warnings: injected changes, a busy machine, an early end, lost rounds, missing cases."""
    lines = ["**Simulated: nothing was measured.**"] if trial.options.simulated else []
    if trial.options.load_1min_before > BUSY:
        lines.append(f"The machine was busy before: a load of {trial.options.load_1min_before:.1f}.")
    if trial.options.nice > 0:
        lines.append(f"Measured at low priority (nice {trial.options.nice}): whatever else runs goes first.")
    lines += [
        f"**Injected into {one.role}: {one.variables[INJECT]}.** This is a test of the trial, not of {one.role}."
        for one in trial.heads
        if INJECT in one.variables
    ]
    if not trial.run.complete:
        lines.append("**This trial was stopped before its end.**")
    lacking: dict[tuple[str, str], list[str]] = {}
    for one in trial.options.environments:
        for case, why in one.missing.items():
            lacking.setdefault((case, why), []).append(one.role)
    for (case, why), roles in lacking.items():
        everywhere = len(roles) == len(trial.options.environments)
        who = "Not measured" if everywhere else f"Not had by {', '.join(roles)}"
        lines.append(f"{who}: {case}: {why}")
    lines += [f"**{word}: {why}**" for word, why in trial.options.unloaded.items()]
    if lost := len(trial.options.lost):
        lines.append(f"{format_counted(lost, 'process')} did not see a round through: {trial.options.lost[-1]}")
    return [escape(line) for line in lines]


def _table(rows: Sequence[Row], *, more: bool = False) -> str:
    headers = ["Case", "Finding", "Base", "This", "Ratio (simultaneous interval)", "Verdict", "Rounds"]
    headers += ["More rounds that would tell"] if more else []
    cells = [
        [
            row.case,
            LABELS[row.finding],
            number_text(row, row.base),
            number_text(row, row.head),
            ratio_text(row),
            row.word,
            str(row.effect.rounds),
            *([NOT_MEASURED if row.effect.more_rounds is None else f"about {row.effect.more_rounds}"] if more else []),
        ]
        for row in rows
    ]
    return markdown_table(headers, cells, text_columns=(0, 1, 5))


def number_text(row: Row, value: float) -> str:
    """One side's figure of a finding: a time, or memory."""
    return format_bytes(round(value)) if row.measure == PRIVATE else format_duration(value)


def ratio_text(row: Row) -> str:
    """The ratio with its interval, as far as they are known."""
    effect = row.effect
    if effect.value is None:
        return NOT_MEASURED
    middle = f"{math.exp(effect.value):.3f}"
    if effect.low is None or effect.high is None:
        return middle
    return f"{middle} ({math.exp(effect.low):.3f}–{math.exp(effect.high):.3f})"


def _rest(title: str, rows: Sequence[Row]) -> str:
    """One line for rows that need no table."""
    if not rows:
        return ""
    by_case: dict[str, list[Row]] = {}
    for row in rows:
        by_case.setdefault(row.case, []).append(row)
    texts = [
        f"{case} {', '.join(f'{LABELS[row.finding]} {ratio_text(row)}' for row in some)}"
        for case, some in by_case.items()
    ]
    return escape(f"{title}: {len(rows)}. {'; '.join(texts)}.")


def _accuracy(trial: StoredTrial, pair: Pair) -> str:
    """What short trainings from equal seeds came to in both environments."""
    told = [f"{name}: {accuracy_words(found)}" for name, found in trial.accuracies(pair).items()]
    return escape(f"Accuracy after a short training, from equal seeds: {'; '.join(told)}.") if told else ""


def accuracy_words(found: AccuracyFinding) -> str:
    """What the seeds tell, and what they cannot exclude."""
    seeds = f"in {format_counted(found.seeds, 'seed')}"
    if found.word != LESS:
        seeds += f", which cannot exclude a loss in fewer than {found.unseen:.0%} of seeds"
    if found.word == IDENTICAL:
        return f"{IDENTICAL}, bit for bit, {seeds}"
    parts = [found.word]
    if found.base is not None and found.head is not None:
        parts.append(f"{format_accuracy(found.base)} → {format_accuracy(found.head)}")
    if found.low is not None and found.high is not None:
        parts[-1] += f" (difference {found.low:+.4f} to {found.high:+.4f})"
    if found.base_failures or found.head_failures:
        parts.append(f"{found.base_failures} → {found.head_failures} seeds failed")
    return f"{', '.join(parts)}, {seeds}"


def same_graph(trial: StoredTrial) -> str:
    """The models whose exported graphs are equal, which were not timed."""
    graphs: dict[str, set[str | None]] = {}
    for environment in trial.options.environments:
        for name, survey in environment.surveys.items():
            graphs.setdefault(name, set()).add(survey.graph)
    runtimes = {environment.packages.get("onnxruntime") for environment in trial.options.environments}
    timed = {record.recipe for record in trial.run.of(TrialRecord) if record.case.startswith("infer[")}
    equal = sorted(
        name for name, found in graphs.items() if len(found) == 1 and None not in found and name not in timed
    )
    if not equal or len(runtimes) > 1:
        return ""
    return escape(f"Same ONNX graph on one ONNX Runtime ({runtimes.pop()}), and so not timed: {', '.join(equal)}.")


def packages(trial: StoredTrial) -> str:
    """What ran: per environment the packages that differ, and where TensorFlow comes from."""
    environments = trial.options.environments
    names = dict.fromkeys(name for one in environments for name in (*one.packages, *one.build, *one.variables))
    found: dict[str, list[str]] = {
        name: [str(_fact(one, name) or NOT_MEASURED) for one in environments] for name in names
    }
    differing = {name: values for name, values in found.items() if len(set(values)) > 1}
    if not differing:
        return escape(f"What ran: the same packages everywhere ({', '.join(_main_packages(environments[0]))}).")
    rows = [[name, *values] for name, values in differing.items()]
    return markdown_table(
        ["What ran", *(one.role for one in environments)], rows, text_columns=range(len(environments) + 1)
    )


def _fact(one: EnvironmentFacts, name: str) -> str | None:
    facts: Mapping[str, str | None] = {**one.variables, **one.build, **one.packages}
    return facts.get(name)


def _main_packages(one: EnvironmentFacts) -> list[str]:
    return [str(value) for value in one.packages.values() if value]


def caption(trial: StoredTrial) -> str:
    """Caption: data, device, machine, rounds, date, command."""
    run = trial.run
    rounds = max((row.effect.rounds for row in trial.rows), default=0)
    spent = f", {format_duration(trial.options.elapsed_s)}" if trial.options.elapsed_s else ""
    parts = [
        f"{run.dataset}, {run.device} ({format_counted(run.threads, 'thread')})",
        f"{run.machine.cpu}, {run.machine.cpus} CPUs",
        f"judged after {format_counted(rounds, 'round')}{spent}",
        f"Python {', '.join(dict.fromkeys(one.python for one in trial.options.environments))}",
        run.started_at[:10],
        f"commit {run.commit}",
        f"`{run.command}`",
        f"run file `{run.file}`",
    ]
    return escape("; ".join(parts))
