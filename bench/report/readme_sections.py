"""Registry of README sections by the name in their markers. Adding one is one line in `SECTIONS`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bench.data.datasets import PUBLISHED_DATASET
from bench.report.answers import ship_answer, survival_answer, trust_answer, upgrade_answer
from bench.report.pages.runtimes import runtimes_section
from bench.report.pages.selftest import narrow_rules_table
from bench.report.pages.suite import readme_section

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from bench.records.record import Run
    from bench.report.registry import Shown

RESULTS_TABLE = "results table"
README_KINDS = ("suite", "devices", "runtimes", "trainers", "releases", "selftest", "compatibility")
"""Kinds of runs that READMEs speak of, all of which must come from one kind of machine."""


def headline(shown: Shown) -> Run | None:
    """The run of the suite that the results table shows; ``None`` if there is none."""
    return next((run for run in shown.kinds["suite"] if run.dataset == PUBLISHED_DATASET), None)


def make_sections(shown: Shown) -> dict[str, str]:
    """The text of the sections by name, without those that the shown runs do not suffice for."""
    made = {name: make(shown) for name, make in SECTIONS.items()}
    return {name: text for name, text in made.items() if text}


def mixed_machines(shown: Shown) -> str | None:
    """An error line if the runs in READMEs come from more than one kind of machine, else ``None``."""
    found: dict[str, list[str]] = {}
    for kind in README_KINDS:
        for run in shown.candidates[kind]:
            kinds = found.setdefault(str(run.machine.name), [])
            kinds += [kind] if kind not in kinds else []
    if len(found) < 2:  # noqa: PLR2004  one machine mixes with nothing
        return None
    told = "; ".join(f"{', '.join(kinds)} from {machine}" for machine, kinds in found.items())
    return f"READMEs would mix figures of different machines: {told}. Publish all of them from one."


def _results(shown: Shown) -> str:
    run = headline(shown)
    return readme_section(run) if run else ""


def _runtimes(shown: Shown) -> str:
    runs = shown.kinds["runtimes"]
    return runtimes_section(runs[0]) if runs else ""


def _trust(shown: Shown) -> str:
    trials = shown.kinds["selftest"]
    return narrow_rules_table(trials) if trials else ""


def _ship_in(language: str) -> Callable[[Shown], str]:
    return lambda shown: ship_answer(headline(shown), next(iter(shown.kinds["runtimes"]), None), language)


def _upgrade_in(language: str) -> Callable[[Shown], str]:
    def make(shown: Shown) -> str:
        speed = upgrade_answer(next(iter(shown.kinds["releases"]), None), shown.withdrawn("releases"), language)
        return "\n\n".join(filter(None, [speed, survival_answer(shown.kinds["compatibility"], language)]))

    return make


def _trust_in(language: str) -> Callable[[Shown], str]:
    return lambda shown: trust_answer(shown.kinds["selftest"], language)


SECTIONS: Mapping[str, Callable[[Shown], str]] = {
    RESULTS_TABLE: _results,
    "what do I ship?": _ship_in("en"),
    "runtimes table": _runtimes,
    "may I upgrade?": _upgrade_in("en"),
    "how far can I trust it?": _trust_in("en"),
    "rules table": _trust,
    "무엇을 배포할까?": _ship_in("ko"),
    "올려도 될까?": _upgrade_in("ko"),
    "얼마나 믿을 수 있을까?": _trust_in("ko"),
}
