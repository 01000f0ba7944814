"""Answers in the READMEs: sentences made from stored runs, in English and Korean."""

from __future__ import annotations

import math
import statistics
from typing import TYPE_CHECKING, Any

from bench.formats import format_duration
from bench.records.duels import SIDES
from bench.records.other_rules import RULES
from bench.records.schema import InferRecord, TrainRecord
from bench.report.markdown import escape
from bench.report.pages.runtimes import rows_of
from bench.report.pages.selftest import false_alarms, injected
from bench.report.pages.suite import HEADLINE_BATCH
from bench.stats.estimate import student_quantile
from bench.stats.power import Rate
from bench.stats.verdicts import INTERVAL_ERROR
from models import HEADLINE

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from bench.records.record import Run
    from bench.records.selftests import SelftestDuel
    from bench.report.pages.duels import StoredDuel

RUNTIME, SLOWER_RUNTIMES = "ONNX Runtime", ("tf.function", "Keras predict")
PLANTED = 0.05
"""The slowdown of which an answer tells how often it is caught."""

TEXTS: Mapping[str, Mapping[str, str]] = {
    "en": {
        "ship": "**`{best}` with ONNX Runtime**: {best_accuracy} of the test images right, {best_p50} for one image on "
        "one thread.{close}{fast}",
        "close": " These seeds do not tell its accuracy from that of {names}.",
        "quickest": " The quickest of the runtimes below is {name} ({p50}).",
        "runtimes": " The runtime costs more than the model: for `{model}`, ONNX Runtime is {runtimes}.",
        "fast": " `{name}` gives up {points} points for {p50}.",
        "runtime": "{times} times as fast as {other} and ready {starts} times as soon",
        "latencies": " These latencies are of one process each; take differences below a factor of 1.3 for none.",
        "duels": "From TensorFlow {base}, `{case}`{trainer} on `{device}` is **{verdict}**: its time is multiplied by "
        "{ratios} (95 % intervals).{accuracy}",
        "ratio": "{ratio} ({low}–{high}) in {head}",
        "trainer": " with Keras's `fit`",
        "accuracy": " Accuracy is **{verdicts}**.",
        "no duel": "No duel of two releases is published now.",
        "withdrawn": "The table of all releases is withdrawn: {reason}",
        "trust": "Of {equal} duels of equal environments {alarms} raised a false alarm (true share {alarms_interval}); "
        "of {slowed} with {share} more work inside, {caught} were called `slower` ({caught_interval}). "
        "On the same timings, {rules}.",
        "rule": "{name} caught {count} of {of}",
    },
    "ko": {
        "ship": "**`{best}`와 ONNX Runtime**: 테스트 이미지의 {best_accuracy}를 맞히고, 스레드 하나로 이미지 한 장에 "
        "{best_p50}가 걸립니다.{close}{fast}",
        "close": " 이 시드들로는 {names}의 정확도와 구별되지 않습니다.",
        "quickest": " 아래 런타임 가운데 가장 빠른 것은 {name}입니다({p50}).",
        "runtimes": " 모델보다 런타임의 차이가 더 큽니다. `{model}`에서 ONNX Runtime은 {runtimes} 빠릅니다.",
        "fast": " `{name}`는 {points} 포인트를 내주고 {p50}로 줄입니다.",
        "runtime": "{other}보다 답이 {times}배, 준비가 {starts}배",
        "latencies": " 이 지연 시간은 각각 프로세스 하나에서 잰 것이므로, 1.3배가 안 되는 차이는 차이로 보지 마세요.",
        "duels": "TensorFlow {base}보다 `{device}`의 `{case}`{trainer}는 **{verdict}**입니다. 걸리는 시간의 배율은 "
        "{ratios}입니다(95 % 구간).{accuracy}",
        "ratio": "{head}에서 {ratio} ({low}–{high})",
        "trainer": "(Keras `fit`)",
        "accuracy": " 정확도는 **{verdicts}**입니다.",
        "no duel": "지금 공개된 릴리스 간 대결은 없습니다.",
        "withdrawn": "전체 릴리스 표는 철회했습니다: {reason}",
        "trust": "같은 환경끼리의 대결 {equal}번 가운데 {alarms}번이 잘못된 경보였고(참 비율 {alarms_interval}), "
        "작업을 {share} 늘린 {slowed}번 가운데 {caught}번을 `slower`로 잡았습니다({caught_interval}). "
        "같은 측정값에서 {rules}.",
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
    other = words["fast"].format(name=fast, points=points, p50=format_duration(models[fast][1])) if fast != best else ""
    found = [words["runtime"].format(**one) for one in (_against(runtimes, name) for name in SLOWER_RUNTIMES) if one]
    joined = {"en": ", and ", "ko": ", "}[language].join(found)
    close = [name for name in models if name != best and not _told_apart(models[best][2], models[name][2])]
    text = words["ship"].format(
        best=best,
        close=words["close"].format(names=", ".join(f"`{name}`" for name in close)) if close else "",
        best_accuracy=f"{100 * models[best][0]:.1f} %",
        best_p50=format_duration(models[best][1]),
        fast=other,
    )
    text += words["runtimes"].format(model=HEADLINE, runtimes=joined) if joined else ""
    text += _quickest(runtimes, words) if runtimes else ""
    return text + words["latencies"]


def upgrade_answer(duels: Sequence[StoredDuel], withdrawn: str | None, language: str = "en") -> str:
    """Answer "may I upgrade?" from duels of two releases, and say why there is no table of all releases."""
    words = TEXTS[language]
    lines = _duel_lines(duels, words) or [words["no duel"]]
    if withdrawn:
        lines += ["", words["withdrawn"].format(reason=escape(withdrawn))]
    return "\n".join(lines)


def trust_answer(selftest_duels: Sequence[SelftestDuel], language: str = "en") -> str:
    """Answer "how far can I trust it?": false alarms of equal environments, and injected slowdowns that were caught."""
    counted = [one for one in selftest_duels if one.counts]
    slowed = injected(counted, PLANTED, slower=True)
    alarms = false_alarms(counted)
    if not slowed or not alarms.of:
        return ""
    words = TEXTS[language]
    said = {name: Rate(sum(rule(one.row, one.margins) for one in slowed), len(slowed)) for name, rule in RULES.items()}
    caught, *others = said.items()
    rules = ", ".join(words["rule"].format(name=name, count=rate.count, of=rate.of) for name, rate in others)
    return words["trust"].format(
        equal=alarms.of,
        alarms=alarms.count,
        alarms_interval=_interval(alarms),
        slowed=caught[1].of,
        share=f"{100 * PLANTED:.0f} %",
        caught=caught[1].count,
        caught_interval=_interval(caught[1]),
        rules=escape(rules),
    )


def _told_apart(one: Sequence[float], other: Sequence[float]) -> bool:
    """Whether two models' accuracies over the seeds differ by more than chance (Welch's t, 5 %)."""
    parts = [statistics.variance(side) / len(side) if len(side) > 1 else math.inf for side in (one, other)]
    freedom = min(len(one), len(other)) - 1
    if math.isinf(sum(parts)):
        return False
    gap = abs(statistics.fmean(one) - statistics.fmean(other))
    return gap > student_quantile(INTERVAL_ERROR, freedom) * math.sqrt(sum(parts))


def _quickest(run: Run, words: Mapping[str, str]) -> str:
    """The runtime with the least median time of one image; empty where that is ONNX Runtime itself."""
    names = dict.fromkeys(record.runtime for record in rows_of(run))
    found = {name: times[0] for name in names if (times := _runtime(run, name))}
    best = min(found, key=lambda name: found[name], default=RUNTIME)
    return "" if best == RUNTIME else words["quickest"].format(name=best, p50=format_duration(found[best]))


def _models(run: Run) -> dict[str, tuple[float, float, Sequence[float]]]:
    """Mean accuracy (0-1), median seconds of one image on one thread, and accuracies by seed, of each valid model."""
    found: dict[str, tuple[float, float, Sequence[float]]] = {}
    calls = [one for one in run.of(InferRecord) if one.batch_size == HEADLINE_BATCH and one.values_s]
    for recipe in dict.fromkeys(record.recipe for record in run.records):
        train = next((one for one in run.of(TrainRecord) if one.recipe == recipe and one.test_accuracies), None)
        single = [one for one in calls if one.recipe == recipe]
        if train and single and not any(one.faults for one in (train, *single)):
            fewest = min(single, key=lambda record: record.threads)
            accuracies = train.test_accuracies
            found[recipe] = (statistics.fmean(accuracies), statistics.median(fewest.values_s), accuracies)
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
    """Median seconds of one image and of the start, on one thread; ``None`` if either was not measured."""
    rows = {
        record.stage: record
        for record in rows_of(run)
        if record.runtime == name
        and (record.recipe, record.threads) == (HEADLINE, 1)
        and (record.stage == "start" or record.batch_size == HEADLINE_BATCH)
        and record.values_s
        and not record.faults
    }
    if not {"runtime", "start"} <= set(rows):
        return None
    return statistics.median(rows["runtime"].values_s), statistics.median(rows["start"].values_s)


def _times(ratio: float) -> str:
    """A ratio with two significant digits."""
    return f"{float(f'{ratio:.2g}'):,.0f}" if ratio >= 10 else f"{ratio:.1f}"  # noqa: PLR2004  two digits


def _duel_lines(duels: Sequence[StoredDuel], words: Mapping[str, str]) -> list[str]:
    """One sentence per base release, case, device and verdict, covering all duels that share them."""
    found: dict[tuple[str, str, str, str], list[tuple[str, str, str]]] = {}
    trained = set()
    for duel in duels:
        sides: Mapping[str, Any] = duel.metadata["packages_by_side"]
        base, head = (_release(str(sides.get(side, {}).get("tensorflow"))) for side in SIDES)
        for row, known in zip(duel.rows, duel.outcomes, strict=True):
            time = known.time
            if time.value is None or time.low is None or time.high is None:
                continue
            ends = zip(("ratio", "low", "high"), (time.value, time.low, time.high), strict=True)
            ratio = words["ratio"].format(head=head, **{name: f"{math.exp(value):.2f}" for name, value in ends})
            accuracy = known.accuracy.verdict if known.accuracy else ""
            key = (base, row.case.name, duel.metadata["device"], time.verdict)
            found.setdefault(key, []).append((head, ratio, accuracy))
            trained |= {row.case.name} if row.case.stage == "train" else set()
    lines = []
    for (base, case, device, verdict), heads in found.items():
        ordered = sorted(heads, key=lambda one: [int(part) for part in one[0].split(".") if part.isdecimal()])
        verdicts = ", ".join(dict.fromkeys(accuracy for *_, accuracy in ordered if accuracy))
        lines.append(
            words["duels"].format(
                base=base,
                case=case,
                device=device,
                verdict=verdict,
                trainer=words["trainer"] if case in trained else "",
                ratios=", ".join(ratio for _, ratio, _ in ordered),
                accuracy=words["accuracy"].format(verdicts=verdicts) if verdicts else "",
            )
        )
    return lines


def _release(version: str) -> str:
    """The release of a version: ``2.15`` of 2.15.1."""
    return ".".join(version.split(".")[:2])


def _interval(rate: Rate) -> str:
    low, high = rate.interval()
    return f"{100 * low:.0f}–{100 * high:.0f} %"
