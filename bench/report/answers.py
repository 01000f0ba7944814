"""Answers in the READMEs: sentences made from stored runs, in English and Korean."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.formats import format_counted
from bench.records.other_rules import RULES
from bench.records.releases import release_name
from bench.records.selftests import by_injection, false_alarms
from bench.records.trials import TYPICAL
from bench.report.markdown import escape
from bench.report.pages.compatibility_sentences import files_sentence, numbers_sentence
from bench.report.pages.releases import changed_rows, control_differs, is_narrow, named, narrow_table
from bench.report.pages.selftest import OURS, rates
from bench.report.shipping import (
    BULK,
    COLD,
    RUNTIME,
    SINGLE,
    SITUATIONS,
    choices,
    close_to,
    fitting,
    front,
    runtime_of,
    seconds,
    time_text,
)
from bench.stats.simultaneous import ALARM_ERROR, CANNOT_TELL, SAME
from bench.stats.simultaneous import ERROR as TRIAL_ERROR
from models import HEADLINE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.records.compatibility import StoredCompatibility
    from bench.records.record import Run
    from bench.records.releases import ReleaseTrials
    from bench.records.trials import Pair, StoredTrial
    from bench.stats.rates import Rate

SLOWER_RUNTIMES = ("tf.function", "Keras predict")
SLOWDOWN = "slow:5%"
"""The injection of which an answer tells how often it is called."""

TITLES: Mapping[str, Mapping[str, str]] = {
    "en": SITUATIONS,
    "ko": {SINGLE: "한 장씩은", BULK: "한꺼번에는", COLD: "처음 시작할 때는"},
}
"""Language to what the ways of being asked are called."""
TEXTS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "ship": "**`{best}` in {runtime}**: {accuracy} of the test images right, {time}.{close}{fast}",
        "single": "{time} for one image on one thread",
        "bulk": "{time} on one thread, 1,000 at a time",
        "cold": "{time} from the start of a process to its first answer",
        "short": "{situation}: `{best}` in {runtime} ({time})",
        "close": " These seeds do not tell its accuracy from that of {names}.",
        "runtimes": " The runtime costs more than the model: for `{model}`, ONNX Runtime answers {runtimes}.",
        "fast": " `{name}` in {runtime} gives up {points} points, at {time}.",
        "runtime": "{times} times as fast as {other}",
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
        "trust": "**{alarms} of {equal} trials of two copies of one environment raised a false alarm**, all cases at "
        "once (true share {alarms_interval}); **{caught} of {slowed} cases that were really 5 % slower were called "
        "`slower`** ({caught_interval}){missed}. On the same timings, {rules}.",
        "missed": "; of the other {missed}, {open} were left open, {same} called the same",
        "rule": "{name} calls {count} of {of}",
    },
    "ko": {
        "ship": "**{runtime}에서 `{best}`**: 테스트 이미지의 {accuracy}를 맞히고, {time}.{close}{fast}",
        "single": "스레드 하나로 이미지 한 장에 {time}가 걸립니다",
        "bulk": "스레드 하나로 1,000장씩 {time}입니다",
        "cold": "프로세스 시작부터 첫 답까지 {time}가 걸립니다",
        "short": "{situation} {runtime}에서 `{best}`({time})",
        "close": " 이 시드들로는 {names}의 정확도와 구별되지 않습니다.",
        "runtimes": " 모델보다 런타임의 차이가 더 큽니다. `{model}`에서 ONNX Runtime은 {runtimes} 빠릅니다.",
        "fast": " {runtime}에서 `{name}`는 {points} 포인트를 내주고 {time}입니다.",
        "runtime": "{other}보다 {times}배",
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
        "trust": "**한 환경의 두 복사본을 모든 경우에 대해 비교한 {equal}번 가운데 {alarms}번이 잘못된 경보였고**"
        "(참 비율 {alarms_interval}), **실제로 5 % 느리게 만든 {slowed}건 가운데 {caught}건을 `slower`로 잡았습니다**"
        "({caught_interval}){missed}. 같은 측정값에서 {rules}.",
        "missed": "; 나머지 {missed}건 가운데 {open}건은 미정, {same}건은 `same`이었습니다",
        "rule": "{name}: {of}번 가운데 {count}번",
    },
}
"""Sentence by name and language; figures go into the braces."""


def ship_answer(suite: Run | None, runtimes: Run | None, language: str = "en") -> str:
    """The answer on what to ship: for one image at a time, then in bulk and from a cold start, and what others cost."""
    words = TEXTS[language]
    first = ship_sentence(suite, runtimes, SINGLE, language)
    if not first:
        return ""
    told = list[str]()
    for situation in (BULK, COLD):
        if kept := front(choices(suite, runtimes, situation)):
            time = time_text(kept[0], situation)
            name = TITLES[language][situation] if not told else TITLES[language][situation].lower()
            told.append(words["short"].format(situation=name, best=kept[0].model, runtime=kept[0].runtime, time=time))
    found = [words["runtime"].format(**one) for one in (_against(runtimes, name) for name in SLOWER_RUNTIMES) if one]
    joined = {"en": " and ", "ko": ", "}[language].join(found)
    parts = [first, f" {'; '.join(told)}." if told else ""]
    parts += [words["runtimes"].format(model=HEADLINE, runtimes=joined)] if joined else []
    return "".join(parts)


def ship_sentence(suite: Run | None, runtimes: Run | None, situation: str, language: str = "en") -> str:
    """What to ship for one way of being asked, and what the quickest model gives up; empty where nothing is stored."""
    found = choices(suite, runtimes, situation)
    if not found:
        return ""
    words, kept = TEXTS[language], front(found)
    best, fast, close = kept[0], kept[-1], close_to(kept[0], found)
    points = f"{100 * (best.accuracy - fast.accuracy):.1f}"
    other = words["fast"].format(name=fast.model, runtime=fast.runtime, points=points, time=time_text(fast, situation))
    return words["ship"].format(
        best=best.model,
        runtime=best.runtime,
        accuracy=f"{100 * best.accuracy:.1f} %",
        time=words[situation].format(time=time_text(best, situation)),
        close=words["close"].format(names=", ".join(f"`{name}`" for name in close)) if close else "",
        fast=other if fast is not best else "",
    )


def upgrade_answer(found: ReleaseTrials | None, withdrawn: str | None, language: str = "en") -> str:
    """Answer "may I upgrade?" with what changed from the oldest release to the newest, where, and the control."""
    words = TEXTS[language]
    if found is None:
        return words["withdrawn"].format(reason=escape(withdrawn)) if withdrawn else words["no releases"]
    found = found.released
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


def _against(run: Run | None, other: str) -> dict[str, str] | None:
    """How many times as long another runtime takes for one image of the headline model as ONNX Runtime does."""
    ours, theirs = (_single_s(run, name) if run else None for name in (RUNTIME, other))
    if ours is None or theirs is None:
        return None
    return {"other": f"`{other}`" if "." in other else other, "times": _times(theirs / ours)}


def _single_s(run: Run, name: str) -> float | None:
    """Typical seconds of one image of the headline model in a runtime; ``None`` where it is unknown."""
    rows = [row for row in fitting(run, HEADLINE, SINGLE) if runtime_of(row) == name]
    return seconds(rows[0], SINGLE) if rows else None


def _times(ratio: float) -> str:
    """A ratio with two significant digits."""
    return f"{float(f'{ratio:.2g}'):,.0f}" if ratio >= 10 else f"{ratio:.1f}"  # noqa: PLR2004  two digits


def _interval(rate: Rate) -> str:
    low, high = rate.interval()
    return f"{100 * low:.0f}–{100 * high:.0f} %"
