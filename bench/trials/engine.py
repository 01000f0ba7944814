"""Running a trial: what its environments are, then rounds until all is settled or the budget has run out."""

from __future__ import annotations

import math
import os
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from bench.data.stored import store
from bench.errors import DensebenchError
from bench.files import public_word
from bench.formats import format_counted, format_duration
from bench.host.process import Worker, WorkerError, on_cpus, own_cpus
from bench.host.resources import free_memory_bytes
from bench.inference.own_models.certificate import certify
from bench.records.cases import INJECT
from bench.records.schema.rows import Parity
from bench.records.schema.run import convert
from bench.records.schema.trials import EnvironmentFacts, Survey
from bench.records.trials import Row, StoredTrial
from bench.trials import simulated
from bench.trials.identity import build_facts, check_identity, owners_text
from bench.trials.injections import parse_injection
from bench.trials.narrowing import narrow
from bench.trials.rounds import SIDE_BY_SIDE, Placed, Round, measure_round
from bench.trials.trial import SURVEY_SEEDS
from bench.trials.worker import WorkerRequest

if TYPE_CHECKING:
    from bench.progress import Progress
    from bench.records.trials import Pair
    from bench.trials.environments import Environment
    from bench.trials.trial import Trial

Watch = Callable[[Sequence[Row], int, float], None]
"""Takes the findings, how many rounds are done, and the seconds that are left."""
ANSWER_TIMEOUT_S = 180.0
PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "XDG_CACHE_HOME", "LD_LIBRARY_PATH", "DENSEBENCH_DATA")
"""Environment variables that a measured process gets, beside those that its environment asks for."""
HASH_SEED, MOST_HASH_SEED = "PYTHONHASHSEED", 2**32
"""Python's order of sets, and what collides in its dictionaries, is drawn for each round and is the same in all of its
environments: drawn by each process, it made a fifth of the spread of calls (28 processes each way: 1.94 and 1.46 % in
ONNX Runtime, 1.70 and 1.45 % in Keras)."""
PROCESS_BYTES = 1_200_000_000
"""Memory of a process with all its cases, about."""
DATA = "data"
"""Folder of the data set, beside those of the environments."""
LOST_IN_A_ROW = 2
"""Rounds that an environment may lose one after the other before it is given up."""


class EnvironmentProcess:
    """A worker of an environment, whose end is explained by the last line that it wrote."""

    def __init__(self, worker: Worker, home: Sequence[int]) -> None:
        self._worker = worker
        self._home = home

    def ask(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """The answer to a request. Raises WorkerError, with the worker's last words."""
        try:
            return self._worker.ask(request)
        except WorkerError as error:
            lines = self._worker.errors().splitlines()
            raise WorkerError(f"{error}; its last words: {lines[-1]}" if lines else str(error)) from None

    def settle(self) -> None:
        """Move the process to the core that everything is measured on."""
        if self._home:
            self._worker.move(self._home)

    def close(self) -> None:
        """End the process."""
        self._worker.close()


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


def survey_all(trial: Trial, progress: Progress) -> None:
    """Find out what each environment is, trains and exports; cases of equal graphs are taken out.

    With something injected they stay: it is added to their calls, and no graph shows it.

    Raises:
        DensebenchError: an environment is not what it was asked to be.
    """
    progress.update("what the environments are, train and export")
    stands_in = {role: _twin(trial, role) for role in trial.environments}
    asked = list(dict.fromkeys(stands_in.values()))
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        told = dict(zip(asked, pool.map(lambda item: _survey(trial, *item), enumerate(asked)), strict=True))
    for role, twin in stands_in.items():
        environment, answer = trial.environments[role], told[twin]
        if failed := answer.get("failed") or answer.get("unavailable"):
            raise DensebenchError(f"{role} ({environment.word}): {failed}")
        if role == twin and not trial.simulated:
            check_identity(environment, answer["identity"])
        elif role != twin:
            (trial.folder / role).symlink_to(trial.folder / twin)
        trial.surveyed[role] = _facts(role, environment, answer)
    _certify_files(trial)
    graphs = {
        recipe: {(facts.surveys[recipe].graph, facts.packages.get("onnxruntime")) for facts in trial.surveyed.values()}
        for recipe in dict.fromkeys(case.recipe for case in trial.cases)
    }
    exported = [case for case in trial.cases if case.stage == "infer"]
    if not trial.injected:
        trial.same_graph = [case for case in exported if len(graphs[case.recipe]) == 1]
    trial.cases = [case for case in trial.cases if case not in trial.same_graph]
    runtimes = {facts.packages.get("onnxruntime") for facts in trial.surveyed.values()}
    trial.together = [case for case in exported if case in trial.cases and len(runtimes) == 1]


def find_unloadable(trial: Trial, progress: Progress) -> dict[str, str]:
    """The role of each environment that loads none of the user's models, to the reason. Raises DensebenchError."""
    with tempfile.TemporaryDirectory() as folder:
        trial.folder = Path(folder)
        store(trial.dataset, trial.folder / DATA)
        survey_all(trial, progress)
    return {role: facts.failed for role, facts in trial.surveyed.items() if facts.failed}


def _certify_files(trial: Trial) -> None:
    """Compare what environments answer with a user's models; one that loads none of the models is given up."""
    folders = {role: trial.folder / role for role in trial.environments}
    told = {name: certify(file, folders) for name, file in trial.files.items()}
    for role, facts in trial.surveyed.items():
        surveys = dict(facts.surveys)
        for name, by_role in told.items():
            if role in by_role:
                surveys[name] = msgspec.structs.replace(surveys[name], parity=convert(by_role[role], Parity))
        asked = [surveys[case.recipe] for case in trial.cases]
        reasons = [one.failed for one in asked if one.failed]
        failed = "; ".join(dict.fromkeys(reasons)) if len(reasons) == len(asked) else None
        trial.surveyed[role] = msgspec.structs.replace(facts, surveys=surveys, failed=failed)


def _twin(trial: Trial, role: str) -> str:
    """The environment that an environment differs from in an injection that only slows, if there is one, or itself."""
    own = trial.environments[role]
    if INJECT in own.variables and parse_injection(own.variables[INJECT]).only_slows:
        rest = {name: value for name, value in own.variables.items() if name != INJECT}
        for other, environment in trial.environments.items():
            if (environment.python, dict(environment.variables)) == (own.python, rest):
                return other
    return role


def _survey(trial: Trial, core: int, role: str) -> Mapping[str, Any]:
    process = _start(trial, [role], role, trial.seed, core % SIDE_BY_SIDE, survey=True)
    try:
        begun = process.ask({"do": "begin"})
        if "import_s" not in begun:
            return begun
        recipes = list(dict.fromkeys(case.recipe for case in trial.cases))
        return process.ask({"do": "survey", "recipes": recipes, "seeds": list(SURVEY_SEEDS)})
    except WorkerError as error:
        return {"failed": str(error)}
    finally:
        process.close()


def _facts(role: str, environment: Environment, answer: Mapping[str, Any]) -> EnvironmentFacts:
    identity = answer["identity"]
    return EnvironmentFacts(
        role=role,
        word=public_word(environment.word),
        python=identity["python"],
        packages={name: owners_text(told) for name, told in identity["packages"].items()},
        build=build_facts(identity["packages"].get("tensorflow", {})),
        variables=dict(environment.variables),
        surveys={name: convert(found, Survey) for name, found in answer["recipes"].items()},
    )


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
            start=partial(_start, trial, roles),
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


def start_alone(trial: Trial, role: str, seed: int, core: int) -> Placed:
    """Start a process of an environment that is measured beside no other, with all open cases."""
    return _start(trial, [role], role, seed, core)


def passed_variables(environment: Environment) -> dict[str, str]:
    """The environment variables of a measured process: those of `PASSED_ON`, and what its environment asks for."""
    return {name: os.environ[name] for name in PASSED_ON if name in os.environ} | dict(environment.variables)


def _start(  # noqa: PLR0913  which process, of which group, and what for
    trial: Trial, group: Sequence[str], role: str, seed: int, core: int, *, survey: bool = False
) -> Placed:
    """Start a process of an environment; it prepares on one of the cores and is measured on the first."""
    if trial.simulated:
        return simulated.start(trial, group, role, seed, core, survey=survey)
    environment, folder = trial.environments[role], trial.folder / role
    folder.mkdir(exist_ok=True)
    others = group[1:] if role == group[0] and trial.together else []
    asked = WorkerRequest(
        cases=[asdict(case) for case in trial.open_cases],
        dataset=str(trial.folder / DATA),
        device=trial.device,
        folder=str(folder),
        seed=seed,
        others={one: str(trial.folder / one) for one in others},
        survey=survey,
        variables=list(environment.variables),
        models=[file.as_request() for file in trial.own_files],
    )
    command = [str(environment.python), "-m", "bench.trials.worker", asked.to_json()]
    cpus = own_cpus()
    home, away = cpus[: trial.threads], cpus[core * trial.threads : (core + 1) * trial.threads]
    hashes = {HASH_SEED: str(seed % MOST_HASH_SEED)}
    variables = hashes | passed_variables(environment)
    with on_cpus(away or home):
        inherited = [] if trial.lock is None else [trial.lock]
        worker = Worker(command, timeout_s=ANSWER_TIMEOUT_S, environment=variables, inherited=inherited)
        return EnvironmentProcess(worker, home)
