"""What a continuous integration reads of a trial: a step summary, a comment's text, JUnit XML, annotations."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from typing import TYPE_CHECKING

from bench.formats import format_counted
from bench.report.markdown import escape, markdown_table
from bench.report.pages.trials import (
    BETTER,
    LABELS,
    WORSE,
    accuracy_words,
    counts,
    ratio_text,
    sentence,
    trial_page,
    unfit,
)
from bench.stats.simultaneous import CANNOT_TELL

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bench.records.trials import Pair, Row, StoredTrial

MARK = "<!-- densebench -->"
"""First line of a comment, by which the one of an earlier run is found and replaced."""
MOST_ROWS, MOST_PACKAGES, MOST_LOST = 5, 4, 3
"""In a comment, which has at most 15 lines."""


def summary(trial: StoredTrial) -> str:
    """A trial's whole page, for the summary of a step."""
    return f"# densebench\n\n{trial_page(trial)}"


def comment(trial: StoredTrial, pairs: Sequence[Pair]) -> str:
    """A comment on what changed, of at most 15 lines; empty where nothing did, as far as can be told."""
    changed = [row for pair in pairs for row in trial.rows_of(pair) if row.word in WORSE | BETTER]
    told = [pair for pair in pairs if _has_news(trial, pair)]
    if not told:
        return ""
    more = [
        f"{format_counted(count, noun)} in the report."
        for count, noun in ((len(changed) - MOST_ROWS, "further change"), (len(told) - 1, "further environment"))
        if count > 0
    ]
    lost = [
        f"{name}: {accuracy_words(trial.accuracies(pair)[name])}."
        for pair in pairs
        for name in trial.less_accurate(pair)
    ]
    closing = " ".join([*map(escape, lost[:MOST_LOST]), *more, _packages(trial, pairs[0])]).strip()
    table = _table(trial, changed, several=len(pairs) > 1) if changed else ""
    return "\n\n".join(filter(None, [f"{MARK}\n{sentence(trial, told[0])}", table, closing])) + "\n"


def junit(trial: StoredTrial, pairs: Sequence[Pair]) -> bytes:
    """JUnit XML: a suite per environment, a test per finding and accuracy; worse is a failure, what is open skipped."""
    root = ET.Element("testsuites", name="densebench")
    for pair in pairs:
        rows, reason = trial.rows_of(pair), unfit(trial, pair)
        number, lost = counts(rows), trial.less_accurate(pair)
        accuracies = trial.accuracies(pair)
        head = trial.environment(pair[1])
        suite = ET.SubElement(
            root,
            "testsuite",
            name=f"{head.word} against {trial.environment(pair[0]).word}",
            tests=str(len(rows) + len(accuracies) + bool(reason)),
            failures=str(number["worse"] + len(lost)),
            errors=str(int(bool(reason))),
            skipped=str(number[CANNOT_TELL]),
            time=f"{trial.options.elapsed_s:.1f}",
            timestamp=trial.run.started_at[:19],
        )
        if reason:
            test = ET.SubElement(suite, "testcase", classname=head.role, name="environment")
            ET.SubElement(test, "error", message=reason)
        for row in rows:
            test = ET.SubElement(suite, "testcase", classname=row.case, name=LABELS[row.finding])
            told = f"{row.word}: {ratio_text(row)}"
            if row.word in WORSE:
                ET.SubElement(test, "failure", message=told)
            elif row.word == CANNOT_TELL:
                ET.SubElement(test, "skipped", message=told)
            else:
                ET.SubElement(test, "system-out").text = told
        for name, found in accuracies.items():
            test = ET.SubElement(suite, "testcase", classname=name, name="accuracy")
            if name in lost:
                ET.SubElement(test, "failure", message=accuracy_words(found))
            else:
                ET.SubElement(test, "system-out").text = accuracy_words(found)
    ET.indent(root)
    content: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return content + b"\n"


def annotation_lines(trial: StoredTrial, pairs: Sequence[Pair]) -> list[str]:
    """A line per environment that GitHub shows beside the job: an error where something got worse, else a notice."""
    lines = []
    for pair in pairs:
        bad = bool(unfit(trial, pair) or trial.less_accurate(pair) or counts(trial.rows_of(pair))["worse"])
        text = sentence(trial, pair).replace("**", "").replace("`", "").replace("%", "%25")
        lines.append(f"::{'error' if bad else 'notice'} title=densebench::{text}")
    return lines


def _has_news(trial: StoredTrial, pair: Pair) -> bool:
    number = counts(trial.rows_of(pair))
    changed = number["worse"] or number["better"] or trial.less_accurate(pair)
    return bool(changed or unfit(trial, pair))


def _table(trial: StoredTrial, rows: Sequence[Row], *, several: bool) -> str:
    ordered = sorted(rows, key=lambda row: (row.word not in WORSE, -abs(row.effect.value or 0.0)))
    headers = [*(["Environment"] if several else []), "Case", "Finding", "Ratio (simultaneous interval)", "Verdict"]
    cells = [
        [
            *([trial.environment(row.environment).word] if several else []),
            row.case,
            LABELS[row.finding],
            ratio_text(row),
            row.word,
        ]
        for row in ordered[:MOST_ROWS]
    ]
    return markdown_table(headers, cells, text_columns=range(len(headers)))


def _packages(trial: StoredTrial, pair: Pair) -> str:
    """The packages, builds and variables in which a pair differs, in a line."""
    base, head = map(trial.environment, pair)
    facts = [{**one.packages, **one.variables} for one in (base, head)]
    names: Iterable[str] = dict.fromkeys([*facts[0], *facts[1]])
    told = [
        f"{name}: {facts[0].get(name) or 'none'} → {facts[1].get(name) or 'none'}"
        for name in names
        if facts[0].get(name) != facts[1].get(name)
    ]
    more = f", and {len(told) - MOST_PACKAGES} more" if len(told) > MOST_PACKAGES else ""
    return escape(f"What differs: {'; '.join(told[:MOST_PACKAGES])}{more}.") if told else ""
