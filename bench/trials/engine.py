"""Running a trial: what its environments are, then rounds until all is settled or the budget has run out."""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from bench.data.stored import store
from bench.errors import DensebenchError
from bench.formats import format_counted, format_duration
from bench.host.resources import free_memory_bytes
from bench.records.trials import Row, StoredTrial
from bench.trials import processes
from bench.trials.narrowing import narrow
from bench.trials.processes import DATA
from bench.trials.rounds import Round, measure_round
from bench.trials.surveying import survey_all

if TYPE_CHECKING:
    from bench.progress import Progress
    from bench.records.trials import Pair
    from bench.trials.trial import Trial

Watch = Callable[[Sequence[Row], int, float], None]
"""Takes the findings, how many rounds are done, and the seconds that are left."""
PROCESS_BYTES = 1_200_000_000
"""Memory of a process with all its cases, about."""
LOST_IN_A_ROW = 2
"""Rounds that an environment may lose one after the other before it is given up."""


def run_trial(
    trial: Trial,
    *,
    save: Callable[[], None],
    progress: Progress,
    watch: Watch | None = None,
    after: Callable[[], None] | None = None,
) -> None:
    """Survey the environments, then measure rounds until all findings are settled or the budget has run out.

    Args:
        trial: what is measured.
        save: stores what is known so far.
        progress: says how far it is.
        watch: is shown the findings after each round, instead of a line of progress.
        after: is called when all is measured that is judged, while the environments' files are still there.

    Raises:
        DensebenchError: an environment is not what it was asked to be, or cannot be measured at all.
    """
    start_s = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        trial.folder = Path(folder)
        store(trial.dataset, trial.folder / DATA)
        survey_all(trial, progress)
        if trial.before:
            check_same(trial, trial.before)
        save()
        if trial.part:
            _measure_part(trial, save)
            return
        rows, rounds_left = trial.rows(), math.inf
        while trial.live_pairs and narrow(trial, rows, rounds_left):
            began_s = time.monotonic()
            trial.rounds += _measure(trial)
            give_up_failed(trial)
            now_s = time.monotonic()
            rounds_left = (start_s + trial.budget_s - now_s) / max(now_s - began_s, 1e-3)
            save()
            rows = trial.rows()
            spent_s = time.monotonic() - start_s
            if watch:
                progress.clear()
                watch(rows, len(trial.rounds), trial.budget_s - spent_s)
                continue
            done, settled = format_counted(len(trial.rounds), "round"), sum(row.effect.settled for row in rows)
            progress.update(f"{done} in {format_duration(spent_s)}, {settled} of {len(rows)} findings settled")
        if after:
            after()


def _measure_part(trial: Trial, save: Callable[[], None]) -> None:
    """Measure so many rounds of all cases, whatever they tell: others are measured elsewhere."""
    narrow(trial, (), math.inf)
    for _ in range(trial.part[1]):
        trial.rounds += _measure(trial)
        give_up_failed(trial)
        save()


def give_up_failed(trial: Trial) -> None:
    """Give up an environment that has lost the last rounds one after the other.

    Raises:
        DensebenchError: nothing is left that it or another could be compared with.
    """
    for role in trial.roles:
        last = [one for one in trial.rounds if role in one.told or role in one.lost][-LOST_IN_A_ROW:]
        reasons = [one.lost[role] for one in last if role in one.lost]
        if len(reasons) == LOST_IN_A_ROW:
            trial.surveyed[role] = msgspec.structs.replace(trial.surveyed[role], failed=reasons[-1])
    if not trial.live_pairs:
        lost = "; ".join(f"{role}: {one.failed}" for role, one in trial.surveyed.items() if one.failed)
        raise DensebenchError(f"nothing is left to compare: {lost}")


def check_same(trial: Trial, before: StoredTrial) -> None:
    """Check that new rounds would be measured as the stored ones were; their turns are as long as those.

    Raises:
        DensebenchError: the node, an environment, the cases or what is trained differ; the text names it.
    """
    old, new = before.options, trial.content(complete=False)[0].trial
    if new is None:
        raise AssertionError("a trial without its options")
    pairs: dict[str, tuple[object, object]] = {
        "machine": (old.node, new.node),
        "CPUs": (old.cpus, new.cpus),
        "priority": (old.nice, new.nice),
        "seed": (old.seed, trial.seed),
        "pairs": ([list(pair) for pair in before.pairs], [list(pair) for pair in new.pairs]),
        "cases": (sorted(before.run.metadata.cases_planned), sorted(case.name for case in trial.cases)),
        "data": (before.run.metadata.dataset_sha256, trial.facts["dataset_sha256"]),
        "models": (dict(old.models), dict(new.models)),
        "environments": (len(old.environments), len(new.environments)),
    }
    for one, other in zip(old.environments, new.environments, strict=False):
        pairs |= {
            f"packages of {one.role}": (one.packages, other.packages),
            f"build of {one.role}": (one.build, other.build),
            f"variables of {one.role}": (one.variables, other.variables),
            f"models of {one.role}": (one.surveys, other.surveys),
        }
    for name, (then, now) in pairs.items():
        if then != now:
            raise DensebenchError(f"--resume: that duel is another one: its {name}: {then!r}, now {now!r}."[:600])
    trial.counts |= old.counts


def _measure(trial: Trial) -> list[Round]:
    """One more round; as several of fewer environments where memory does not hold all at once."""
    free_bytes = free_memory_bytes()
    at_once = len(trial.roles) if free_bytes is None else free_bytes // PROCESS_BYTES
    pairs = [(trial.hosts.get(one, one), trial.hosts.get(other, other)) for one, other in trial.open_pairs]
    first = trial.first_number + len(trial.rounds)
    return [
        measure_round(
            first + number,
            roles,
            trial.open_cases,
            trial.counts,
            start=partial(processes.start, trial, roles),
            seed=trial.seed,
            turns=trial.open_turns,
            together=[case.name for case in trial.together],
            hosts={role: host for role, host in trial.hosts.items() if host in roles},
            injected=trial.injected,
        )
        for number, roles in enumerate(split(pairs, at_once))
    ]


def split(pairs: Sequence[Pair], at_once: int) -> list[list[str]]:
    """Groups of so many roles at most, but two at least, that have both roles of each pair in one of them.

    A pair joins the group of those before it where that is not full yet.
    """
    groups: list[list[str]] = []
    for pair in pairs:
        joined = list(dict.fromkeys([*groups[-1], *pair])) if groups else list(pair)
        if groups and len(joined) <= at_once:
            groups[-1] = joined
        else:
            groups.append(list(pair))
    return groups
