"""`python -m bench bisect --good 2.15 --bad 2.21 --case 'train[deep_mlp,trainer=fit]'`: what changed a case.

The search goes through releases, then through the nightlies between two of them, or through the packages and variables
that two environments differ in. Each step is a trial of the ends of what is left and of an environment between them.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import TYPE_CHECKING

from bench.commands.arguments import duel_device
from bench.commands.cluster import add_cluster_options, elsewhere
from bench.commands.judging import Wanted, add_trial_options, make_trial, measure, roles_of
from bench.commands.own_models import add_model_options, named_models
from bench.errors import ALARM, FAILED, FINE, UNTOLD, DensebenchError
from bench.progress import Progress
from bench.records.bisections import (
    ACCURACY,
    FIRST,
    FOLDER,
    NOWHERE,
    SECOND,
    UNKNOWN,
    Bisection,
    Step,
    plan_pairs,
    sought_text,
    step_of,
)
from bench.records.cases import case_name
from bench.records.record import RunReader
from bench.records.trials import BASE, OVERALL, TYPICAL
from bench.report.own_pages import refresh_pages
from bench.report.pages.bisection import bisection_page
from bench.trials.candidates import Candidates, candidates_between, nightlies_between, release_word
from bench.trials.cases import select_cases

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable

    from bench.inference.own_models.file import Models

CASE = "train[deep_mlp,trainer=fit]"
FINDINGS = (TYPICAL, OVERALL, ACCURACY)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    parser.add_argument("--good", required=True, metavar="WORD", help="before the change: 2.15, or as a duel's BASE")
    parser.add_argument("--bad", required=True, metavar="WORD", help="after the change")
    parser.add_argument(
        "--look-for", choices=FINDINGS, default=TYPICAL, help="a change of which (default: %(default)s)"
    )
    add_trial_options(parser, cases=f"{CASE}; of a model of your own its training, or its single calls", budget="6m")
    add_model_options(parser.add_argument)
    add_cluster_options(parser, resume=True)


@dataclass
class Search:
    """A search under way.

    Attributes:
        compare: measures a trial of these words, near end first; ``None`` where it could not be stored.
        steps: those that are measured.
    """

    compare: Callable[[list[str]], Step | None]
    progress: Progress
    steps: list[Step] = field(default_factory=list)

    def narrow(self, candidates: Candidates) -> tuple[str, str] | None:
        """The neighbours among candidates that the change lies between; ``None`` where there is none, or no telling.

        Raises:
            DensebenchError: the ends cannot be measured.
        """
        low, high, aside = 0, len(candidates.words) - 1, set[int]()
        begun = len(self.steps)
        while True:
            inner = [place for place in range(low + 1, high) if place not in aside]
            if not inner and len(self.steps) > begun:
                return candidates.words[low], candidates.words[high]
            middle = inner[len(inner) // 2] if inner else None
            places = [low, high] if middle is None else [low, middle, high]
            self.progress.done(f"between {' and '.join(candidates.names[one] for one in (low, high))}")
            try:
                step = self.compare([candidates.words[place] for place in places])
            except DensebenchError as error:
                if middle is None or candidates.words[middle] not in str(error):
                    raise
                self.progress.done(f"{candidates.names[middle]} is left out: {error}")
                aside.add(middle)
                continue
            if step is None:
                return None
            self.steps.append(step)
            found = Bisection(self.steps)
            place = step.lies_in(found.sought)
            self.progress.done(f"  {step.whole} from end to end; the change lies: {place}")
            if not found.changed or (len(self.steps) == begun + 1 and place == NOWHERE):
                return None
            if place == FIRST and middle is not None:
                high = middle
            elif place == SECOND and middle is not None:
                low = middle
            elif middle is None:
                return (candidates.words[low], candidates.words[high]) if place != UNKNOWN else None
            else:
                aside.add(middle)


def run(arguments: argparse.Namespace) -> int:
    """Search, store each trial, and print what was found.

    Returns:
        `FINE` where the case did not change, `ALARM` where it did; `FAILED` where a trial could not be stored, and
        `UNTOLD` where it cannot be told.

    Raises:
        DensebenchError: an option is wrong, or an end or the data cannot be had.
    """
    if (status := elsewhere(arguments, "bisect")) is not None:
        return status
    (models, data), threads = named_models(arguments), duel_device(arguments.device).threads
    cases = select_cases(arguments.cases or _case_of(models, threads), threads, models)
    if len(cases) != 1:
        raise DensebenchError(f"--cases {arguments.cases!r} must name one case, and names {len(cases)}.")
    (case,), progress = cases, Progress(sys.stdout)
    candidates = candidates_between(release_word(arguments.good), release_word(arguments.bad))
    series, failed = f"{datetime.now(timezone.utc):%Y%m%dT%H%M%SZ}", False

    def compare(words: list[str]) -> Step | None:
        nonlocal failed
        roles = [BASE, *roles_of(len(words) - 1)]
        named = dict(zip(roles, words, strict=True))
        wanted = Wanted(words=named, pairs=plan_pairs(roles), cases=case.name, models=models, data=data)
        trial = make_trial(arguments, wanted, progress)
        trial.series, trial.number = series, len(search.steps)
        trial.sought = sought_text(case.name, arguments.look_for)
        trial.findings = {arguments.look_for}
        found = measure(
            trial, progress, results=arguments.results, folder=FOLDER, what="bisect", go_on="begins the search anew"
        )
        failed |= found is None or not found.saved
        return step_of(found.stored) if found else None

    search = Search(compare, progress)
    between = search.narrow(candidates)
    if between and candidates.kind == "releases":
        finer = nightlies_between(*between)
        if finer.reason:
            progress.done(f"No nightly is tried: {finer.reason}.")
        else:
            search.narrow(finer)
    elif candidates.reason:
        progress.done(f"Nothing finer is tried: {candidates.reason}.")
    if search.steps:
        progress.done(f"\n{bisection_page(Bisection(search.steps))}")
        progress.done("\n  ".join(["Wrote:", *refresh_pages(arguments.results, "bisections", RunReader())]))
    if failed or not search.steps:
        return FAILED
    found = Bisection(search.steps)
    return ALARM if found.changed else FINE if search.steps[0].lies_in(found.sought) == NOWHERE else UNTOLD


def _case_of(models: Models, threads: int) -> str:
    """The case that is looked at where the user names none: a training by `fit`, or single calls of a graph."""
    if not models.names:
        return CASE
    name, file = models.names[0], models.files.get(models.names[0])
    if file and file.kind == "onnx":
        return case_name("infer", name, batch=file.batch or 1, threads=threads)
    return case_name("train", name, trainer="fit")
