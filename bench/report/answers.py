"""Answers in the READMEs: sentences made from stored runs, in English and Korean."""

from __future__ import annotations

import math
import statistics
from typing import TYPE_CHECKING

from bench.formats import format_counted, format_duration
from bench.records import latency
from bench.records.other_rules import RULES
from bench.records.releases import release_name
from bench.records.schema import InferRecord, TrainRecord
from bench.records.selftests import by_injection, false_alarms
from bench.records.trials import TYPICAL
from bench.report.markdown import escape
from bench.report.pages.compatibility import files_sentence, numbers_sentence
from bench.report.pages.releases import changed_rows, control_differs, is_narrow, named, narrow_table
from bench.report.pages.runtimes import rows_of
from bench.report.pages.selftest import OURS, rates
from bench.report.pages.suite import HEADLINE_BATCH
from bench.stats.estimate import student_quantile
from bench.stats.simultaneous import ALARM_ERROR, CANNOT_TELL, SAME
from bench.stats.simultaneous import ERROR as TRIAL_ERROR
from models import HEADLINE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.records.compatibility import StoredCompatibility
    from bench.records.record import Run
    from bench.records.releases import ReleaseTrials
    from bench.records.schema import Record
    from bench.records.trials import Pair, StoredTrial
    from bench.report.pages.runtimes import RuntimeRow
    from bench.stats.rates import Rate

RUNTIME, SLOWER_RUNTIMES = "ONNX Runtime", ("tf.function", "Keras predict")
SEED_ERROR = 0.05
"""Probability that two models of equal accuracy are told apart."""
SLOWDOWN = "slow:5%"
"""The injection of which an answer tells how often it is called."""

TEXTS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "ship": "**`{best}` with ONNX Runtime**: {best_accuracy} of the test images right, {best_time} for one image "
        "on one thread.{close}{fast}",
        "close": " These seeds do not tell its accuracy from that of {names}.",
        "moment": " The runtimes' times below are of one moment each.",
        "quickest": " The quickest of the runtimes below is {name} ({time}).",
        "runtimes": " The runtime costs more than the model: for `{model}`, ONNX Runtime is {runtimes}.",
        "fast": " `{name}` gives up {points} points for {time}.",
        "runtime": "{times} times as fast as {other} and ready {starts} times as soon",
        "upgrade": "From TensorFlow {old} to {new}: {changes}.",
        "sure": "That is typical times of `{model}`, and memory. A false alarm comes in at most {alarm} of 100 such "
        "tables, anything wrong in at most {error}.",
        "marks": "▲ slower or larger, ▼ faster or smaller, = the same, ? cannot tell yet, each against the one before.",
        "worse": "**slower or larger in {counted}** ({cases})",
        "better": "**faster or smaller in {counted}** ({cases})",
        "and": "; ",
        "unchanged": "no change as far as can be told",
        "control": "A second copy of {old}, measured alongside, raised no alarm.",
        "unfit": "**A second copy of {old}, measured alongside, differs from it: that machine was not fit to judge.**",
        "no releases": "No table of releases is published now.",
        "withdrawn": "The table of all releases is withdrawn: {reason}",
        "survives": "{files} {numbers} [Which file loads where](results/tables/compatibility.md).",
        "trust": "Of {equal} trials of two copies of one environment, all cases at once, {alarms} raised a false alarm "
        "(true share {alarms_interval}); of {slowed} cases that were really 5 % slower, {caught} were called `slower` "
        "({caught_interval}){missed}. On the same timings, {rules}.",
        "missed": "; of the other {missed}, {open} were left open, {same} called the same",
        "rule": "{name} calls {count} of {of}",
    },
    "ko": {
        "ship": "**`{best}`와 ONNX Runtime**: 테스트 이미지의 {best_accuracy}를 맞히고, 스레드 하나로 이미지 한 장에 "
        "{best_time}가 걸립니다.{close}{fast}",
        "close": " 이 시드들로는 {names}의 정확도와 구별되지 않습니다.",
        "moment": " 아래 런타임의 시간은 각각 한 순간에 잰 것입니다.",
        "quickest": " 아래 런타임 가운데 가장 빠른 것은 {name}입니다({time}).",
        "runtimes": " 모델보다 런타임의 차이가 더 큽니다. `{model}`에서 ONNX Runtime은 {runtimes} 빠릅니다.",
        "fast": " `{name}`는 {points} 포인트를 내주고 {time}로 줄입니다.",
        "runtime": "{other}보다 답이 {times}배, 준비가 {starts}배",
        "upgrade": "TensorFlow {old}에서 {new}까지: {changes}.",
        "sure": "`{model}`의 전형적인 시간과 메모리입니다. 이런 표 100개 가운데 잘못된 경보는 많아야 {alarm}개, "
        "하나라도 틀린 것은 많아야 {error}개입니다.",
        "marks": "바로 앞 릴리스와 견주어 ▲ 느려지거나 커짐, ▼ 빨라지거나 작아짐, = 같음, ? 아직 모름.",
        "worse": "**{count}건에서 느려지거나 커짐** ({cases})",
        "better": "**{count}건에서 빨라지거나 작아짐** ({cases})",
        "and": "; ",
        "unchanged": "알 수 있는 한 달라진 것 없음",
        "control": "함께 잰 {old}의 두 번째 복사본에서는 경보가 없었습니다.",
        "unfit": "**함께 잰 {old}의 두 번째 복사본이 원본과 다릅니다. 그 기계는 판정에 알맞지 않았습니다.**",
        "no releases": "지금 공개된 릴리스 표는 없습니다.",
        "withdrawn": "전체 릴리스 표는 철회했습니다: {reason}",
        "survives": "파일과 수치(영어): {files} {numbers} [어디서 열리는지](results/tables/compatibility.md).",
        "trust": "한 환경의 두 복사본을 모든 경우에 대해 비교한 {equal}번 가운데 {alarms}번이 잘못된 경보였고"
        "(참 비율 {alarms_interval}), 실제로 5 % 느리게 만든 {slowed}건 가운데 {caught}건을 `slower`로 잡았습니다"
        "({caught_interval}){missed}. 같은 측정값에서 {rules}.",
        "missed": "; 나머지 {missed}건 가운데 {open}건은 미정, {same}건은 `same`이었습니다",
        "rule": "{name}: {of}번 가운데 {count}번",
    },
}
"""Sentence by name and language; figures go into the braces."""


def ship_answer(suite: Run | None, runtimes: Run | None, language: str = "en") -> str:
    """The answer on what to ship: the most accurate model, the fastest model, and the cost of other runtimes."""
    models = _models(suite) if suite else {}
    if not models:
        return ""
    best = max(models, key=lambda name: models[name][0])
    fast = min(models, key=lambda name: models[name][1])
    words = TEXTS[language]
    points = f"{100 * (models[best][0] - models[fast][0]):.1f}"
    time = format_duration(models[fast][1])
    other = words["fast"].format(name=fast, points=points, time=time) if fast != best else ""
    found = [words["runtime"].format(**one) for one in (_against(runtimes, name) for name in SLOWER_RUNTIMES) if one]
    joined = {"en": ", and ", "ko": ", "}[language].join(found)
    close = [name for name in models if name != best and not _told_apart(models[best][2], models[name][2])]
    text = words["ship"].format(
        best=best,
        close=words["close"].format(names=", ".join(f"`{name}`" for name in close)) if close else "",
        best_accuracy=f"{100 * models[best][0]:.1f} %",
        best_time=format_duration(models[best][1]),
        fast=other,
    )
    text += words["runtimes"].format(model=HEADLINE, runtimes=joined) if joined else ""
    return text + (_quickest(runtimes, words) if runtimes else "")


def upgrade_answer(found: ReleaseTrials | None, withdrawn: str | None, language: str = "en") -> str:
    """Answer "may I upgrade?" with what changed from the oldest release to the newest, where, and the control."""
    words = TEXTS[language]
    if found is None:
        return words["withdrawn"].format(reason=escape(withdrawn)) if withdrawn else words["no releases"]
    old = release_name(found.main.base)
    shown = [found.ends, *([found.steps[-1]] if len(found.steps) > 1 else [])]
    answer = " ".join(_changes(trial, pair, words) for trial, pair in shown)
    sure = words["sure"].format(model=HEADLINE, alarm=f"{100 * ALARM_ERROR:.0f}", error=f"{100 * TRIAL_ERROR:.0f}")
    control = words["unfit" if control_differs(found) else "control"].format(old=old)
    marks = f"{words['marks']} {control}"
    return "\n\n".join(part for part in (escape(f"{answer} {sure}"), narrow_table(found), marks) if part)


def survival_answer(surveys: Sequence[StoredCompatibility], language: str = "en") -> str:
    """Answer which files and numbers survive; nothing where no survey is stored."""
    stored = max(surveys, key=lambda one: one.run.started_at, default=None)
    if stored is None:
        return ""
    told = {"files": files_sentence(stored), "numbers": numbers_sentence(stored)}
    return TEXTS[language]["survives"].format(**{name: escape(text) for name, text in told.items()})


def _changes(trial: StoredTrial, pair: Pair, words: Mapping[str, str]) -> str:
    """What got worse and better from one release to another, in a sentence."""
    old, new = (release_name(trial.environment(role)) for role in pair)
    changes = [
        words[name].format(count=len(some), counted=format_counted(len(some), "case"), cases=named(some, labels=False))
        for name, every in zip(("worse", "better"), changed_rows(trial, pair), strict=True)
        if (some := [row for row in every if is_narrow(row.case, row.finding)])
    ]
    return words["upgrade"].format(old=old, new=new, changes=words["and"].join(changes) or words["unchanged"])


def trust_answer(trials: Sequence[StoredTrial], language: str = "en") -> str:
    """Answer "how far can I trust it?": false alarms of equal environments, and injected slowdowns that were called."""
    alarms, said = false_alarms(trials), rates(trials, SLOWDOWN)
    ours = said[OURS]
    if not alarms.of or not ours.of:
        return ""
    words = TEXTS[language]
    rules = ", ".join(words["rule"].format(name=name, count=said[name].count, of=said[name].of) for name in RULES)
    return words["trust"].format(
        equal=alarms.of,
        alarms=alarms.count,
        alarms_interval=_interval(alarms),
        slowed=ours.of,
        caught=ours.count,
        caught_interval=_interval(ours),
        missed=_missed(trials, words),
        rules=escape(rules),
    )


def _missed(trials: Sequence[StoredTrial], words: Mapping[str, str]) -> str:
    """What was said of the typical time of the slowed cases that were not called slower."""
    some = by_injection(trials).get(SLOWDOWN, [])
    said = [
        row.word
        for one in some
        for row in one.trial.rows_of(one.pair)
        if row.finding == TYPICAL and not one.called(row.case)
    ]
    if not said:
        return ""
    return words["missed"].format(missed=len(said), open=said.count(CANNOT_TELL), same=said.count(SAME))


def _told_apart(one: Sequence[float], other: Sequence[float]) -> bool:
    """Whether two models' accuracies over the seeds differ by more than chance (Welch's t, 5 %)."""
    parts = [statistics.variance(side) / len(side) if len(side) > 1 else math.inf for side in (one, other)]
    freedom = min(len(one), len(other)) - 1
    if math.isinf(sum(parts)):
        return False
    gap = abs(statistics.fmean(one) - statistics.fmean(other))
    return gap > student_quantile(SEED_ERROR, freedom) * math.sqrt(sum(parts))


def _quickest(run: Run, words: Mapping[str, str]) -> str:
    """The runtime that answers one image soonest; empty where ONNX Runtime cannot be told from it.

    Of runs of before 2026-11-28, which did not visit their rows, it says that instead.
    """
    rows = [one for one in rows_of(run) if _is_shown(one) and one.stage == "runtime" and not one.faults]
    best = min(rows, key=_typical_s, default=None)
    if best and not best.visits:
        return words["moment"]
    if best is None or any(one.runtime == RUNTIME for one in [best, *latency.same_as_best(rows)]):
        return ""
    return words["quickest"].format(name=best.runtime, time=format_duration(_typical_s(best)))


def _models(run: Run) -> dict[str, tuple[float, float, Sequence[float]]]:
    """Mean accuracy (0-1), typical seconds of one image on one thread, and accuracies by seed, of each valid model."""
    found: dict[str, tuple[float, float, Sequence[float]]] = {}
    calls = [one for one in run.of(InferRecord) if one.batch_size == HEADLINE_BATCH and one.values_s]
    for recipe in dict.fromkeys(record.recipe for record in run.records):
        train = next((one for one in run.of(TrainRecord) if one.recipe == recipe and one.test_accuracies), None)
        single = [one for one in calls if one.recipe == recipe]
        if train and single and not any(one.faults for one in (train, *single)):
            fewest = min(single, key=lambda record: record.threads)
            accuracies = train.test_accuracies
            found[recipe] = (statistics.fmean(accuracies), _typical_s(fewest), accuracies)
    return found


def _against(run: Run | None, other: str) -> dict[str, str] | None:
    """Ratios of another runtime's times to ONNX Runtime's: of an answer and of the start."""
    ours, theirs = (_runtime(run, name) if run else None for name in (RUNTIME, other))
    if ours is None or theirs is None:
        return None
    (single, start), (other_single, other_start) = ours, theirs
    return {
        "other": f"`{other}`" if "." in other else other,
        "times": _times(other_single / single),
        "starts": _times(other_start / start),
    }


def _runtime(run: Run, name: str) -> tuple[float, float] | None:
    """Typical seconds of one image and median ones of the start, on one thread; ``None`` if one was not measured."""
    rows = {one.stage: one for one in rows_of(run) if one.runtime == name and _is_shown(one) and not one.faults}
    if not {"runtime", "start"} <= set(rows):
        return None
    return _typical_s(rows["runtime"]), statistics.median(rows["start"].values_s)


def _is_shown(record: RuntimeRow) -> bool:
    """Whether a row is one of those in the README: the headline model on one thread, one image at a time."""
    single = record.stage == "start" or record.batch_size == HEADLINE_BATCH
    return (record.recipe, record.threads) == (HEADLINE, 1) and single and bool(record.values_s)


def _typical_s(record: Record) -> float:
    found = latency.typical(record)
    return found.value if found else math.inf


def _times(ratio: float) -> str:
    """A ratio with two significant digits."""
    return f"{float(f'{ratio:.2g}'):,.0f}" if ratio >= 10 else f"{ratio:.1f}"  # noqa: PLR2004  two digits


def _interval(rate: Rate) -> str:
    low, high = rate.interval()
    return f"{100 * low:.0f}–{100 * high:.0f} %"
