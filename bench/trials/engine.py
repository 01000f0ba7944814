"""A trial: what its environments are, then rounds until every finding is settled or the budget has run out."""

from __future__ import annotations

import hashlib
import math
import os
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from bench.errors import DensebenchError
from bench.files import public_word
from bench.formats import format_counted, format_duration
from bench.host.process import Worker, WorkerError, on_cpus, own_cpus
from bench.host.resources import free_memory_bytes
from bench.records.cases import Case, case_name
from bench.records.run_file import round_timings
from bench.records.schema import EnvironmentFacts, Survey, Timing, TrialOptions, TrialRecord, convert, make_metadata
from bench.records.trials import BASE, HEAD, MEMORY, START, Row, StoredTrial, judge_records, typical
from bench.stats.simultaneous import LOOKS
from bench.trials.identity import check_identity
from bench.trials.rounds import SIDE_BY_SIDE, Process, Round, measure_round
from bench.trials.worker import WorkerRequest

if TYPE_CHECKING:
    from bench.progress import Progress
    from bench.records.run_file import Content
    from bench.trials.environments import Environment

ANSWER_TIMEOUT_S = 180.0
PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TMPDIR", "XDG_CACHE_HOME", "LD_LIBRARY_PATH", "DENSEBENCH_DATA")
"""Environment variables that a measured process gets, beside those that its environment asks for."""
SURVEY_SEEDS = tuple(range(8))
PROCESS_BYTES = 1_200_000_000
"""Memory of a process with all its cases, about."""
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


@dataclass
class Trial:
    """A trial under way.

    Attributes:
        environments: role to environment, the base first.
        cases: what is measured; those whose graphs are equal are in `same_graph` instead.
        margins: kind of finding to the largest difference that counts as the same.
        facts: what is known of the run (as `make_metadata` takes it), without the trial's own part.
        device: as `parse_device` takes it.
        seed: of models, orders and turns.
        injection: what is added to HEAD's steps and calls.
        rounds: those that are done.
        surveyed: role to what its environment is.
        same_graph: cases that were not timed, since the graphs and the runtime are equal.
        together: cases of exported models whose graphs differ on one runtime: one process takes them all.
        counts: case to the steps or calls of a turn.
        open_roles: the environments that are measured in the next round, the base first (see `narrow`).
        open_cases: likewise the cases.
        before: a stored trial that rounds are added to.
        lock: a file descriptor that the measured processes inherit.
        load_before: load average of the minute before the trial.
    """

    environments: Mapping[str, Environment]
    cases: list[Case]
    margins: Mapping[str, float]
    facts: Mapping[str, Any]
    dataset: str
    data_dir: Path | None
    device: str
    threads: int
    seed: int
    budget_s: float
    injection: str = ""
    rounds: list[Round] = field(default_factory=list)
    surveyed: dict[str, EnvironmentFacts] = field(default_factory=dict)
    same_graph: list[Case] = field(default_factory=list)
    together: list[Case] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    units_s: dict[str, float] = field(default_factory=dict)
    open_roles: list[str] = field(default_factory=list)
    open_cases: list[Case] = field(default_factory=list)
    folder: Path = Path()
    before: StoredTrial | None = None
    lock: int | None = None
    load_before: float = field(default_factory=lambda: round(os.getloadavg()[0], 2))

    @property
    def roles(self) -> list[str]:
        """The environments that are still measured."""
        return [role for role in self.environments if self.surveyed[role].failed is None]

    @property
    def first_number(self) -> int:
        """The number of the first new round."""
        stored = self.before.run.of(TrialRecord) if self.before else []
        return 1 + max((number for record in stored for number in record.rounds), default=-1)

    def records(self) -> list[TrialRecord]:
        """The rows so far, as they are stored; rounds that were stored before come first."""
        new = {(one.case, one.environment): one for role in self.environments for one in self._records_of(role)}
        for old in self.before.run.of(TrialRecord) if self.before else []:
            key = old.case, old.environment
            added = new.get(key)
            rounds, turns, values_s = (added.rounds, added.turns, added.values_s) if added else ((), (), ())
            new[key] = msgspec.structs.replace(
                old, rounds=old.rounds + rounds, turns=old.turns + turns, values_s=old.values_s + values_s
            )
        return list(new.values())

    def content(self, *, complete: bool) -> Content:
        """The run file so far."""
        records = self.records()
        options = TrialOptions(
            environments=tuple(self._environment(role) for role in self.environments if role in self.surveyed),
            margins=dict(self.margins),
            counts=dict(self.counts),
            seed=self.seed,
            seeds=SURVEY_SEEDS,
            injection=self.injection,
            budget_s=self.budget_s,
            node=node_identity(),
            cpus=tuple(own_cpus()),
            nice=os.nice(0),
            load_1min_before=self.load_before,
            lost=tuple(f"round {one.number}, {role}: {why}" for one in self.rounds for role, why in one.lost.items()),
        )
        planned = [case.name for case in self.cases]
        metadata = make_metadata(self.facts, complete=complete, cases_planned=planned)
        return msgspec.structs.replace(metadata, trial=options), records

    def rows(self) -> list[Row]:
        """What the rounds so far tell."""
        return judge_records(self.records(), self.margins)

    def _environment(self, role: str) -> EnvironmentFacts:
        """What is known of an environment, with the cases that no process of it had."""
        told = [one.told[role]["cases"] for one in self.rounds if role in one.told]
        before = self.before.options.environments if self.before else ()
        missing = {name: why for one in before if one.role == role for name, why in one.missing.items()}
        for case in self.cases:
            answers = [one[case.name] for one in told if case.name in one]
            if answers and not any("first_s" in answer for answer in answers):
                missing[case.name] = str(answers[-1].get("unavailable") or answers[-1].get("failed"))
        return msgspec.structs.replace(self.surveyed[role], missing=missing)

    def _records_of(self, role: str) -> Iterator[TrialRecord]:
        done = [one for one in self.rounds if role in one.told and role not in one.lost]
        for case in self.cases:
            turns = {one.number: one.timings.get((role, case.name), []) for one in done}
            yield self._record(role, case, "step" if case.stage == "train" else "call", turns)
        for case, measure, number in self._single_numbers():
            found = {one.number: number(one.told[role]) for one in done}
            turns = {key: [[1, value, value, value, []]] if value else [] for key, value in found.items()}
            yield self._record(role, case, measure, turns)

    def _single_numbers(self) -> Iterator[tuple[Case, str, Callable[[Mapping[str, Any]], float | None]]]:
        """Cases that each process gives one number for: import, first steps, memory."""
        yield self._case("import", "tensorflow"), "start", lambda told: told["import_s"]
        for case in self.cases:
            for name in first_step(case):
                first = Case(name, "first", case.recipe, case.trainer, case.batch_size, self.threads)
                yield first, "start", partial(_first_s, case.name)
        yield self._case("memory", "process"), "memory", partial(_peak_bytes, len(self.cases))

    def _case(self, stage: str, what: str) -> Case:
        """A case that is of no model."""
        return Case(case_name(stage, what), stage, what, "", 1, self.threads)

    def _record(self, role: str, case: Case, measure: str, turns: Mapping[int, Sequence[Any]]) -> TrialRecord:
        known = {number: [convert(turn, Timing) for turn in one] for number, one in turns.items() if one}
        return TrialRecord(
            case=case.name,
            recipe=case.recipe,
            dataset=self.dataset,
            device=self.device,
            threads=self.threads,
            batch_size=case.batch_size,
            trainer=case.trainer or None,
            environment=role,
            measure=measure,
            rounds=tuple(known),
            turns=tuple(map(tuple, known.values())),
            values_s=() if measure == "memory" else round_timings([typical(one) for one in known.values()]),
        )


def _first_s(case: str, told: Mapping[str, Any]) -> float | None:
    """The seconds of a case's first step, as its process told them."""
    value: float | None = told["cases"].get(case, {}).get("first_s")
    return value


def _peak_bytes(cases: int, told: Mapping[str, Any]) -> float | None:
    """The memory of a process that has prepared so many cases; ``None`` where it was asked for fewer."""
    value: float = told["peak_bytes"]
    return value if len(told["cases"]) >= cases else None


def run_trial(trial: Trial, *, save: Callable[[], None], progress: Progress) -> None:
    """Survey the environments, then measure rounds until all findings are settled or the budget has run out.

    Raises:
        DensebenchError: an environment is not what it was asked to be, or cannot be measured at all.
    """
    start_s = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        trial.folder = Path(folder)
        survey_all(trial, progress)
        if trial.before:
            check_same(trial, trial.before)
        save()
        rounds_left = math.inf
        while narrow(trial, trial.rows(), rounds_left):
            began_s = time.monotonic()
            trial.rounds += _measure(trial)
            give_up_failed(trial)
            now_s = time.monotonic()
            rounds_left = (start_s + trial.budget_s - now_s) / max(now_s - began_s, 1e-3)
            save()
            rows = trial.rows()
            done = format_counted(len(trial.rounds), "round")
            spent = format_duration(time.monotonic() - start_s)
            progress.update(
                f"{done} in {spent}, {sum(row.effect.settled for row in rows)} of {len(rows)} findings settled"
            )


def narrow(trial: Trial, rows: Sequence[Row], rounds_left: float) -> bool:
    """Leave out of the next round the environments and the cases of which no finding is open; False if it is the end.

    A series that is left out is judged as it stands: its intervals hold whenever it stops. Until the memory is settled,
    all cases are prepared, since it depends on them. Findings on the start come last, where the rest of the budget
    would probably settle them. What the last interim analysis has not settled stays open.

    Args:
        trial: gets its `open_roles` and `open_cases`.
        rows: what is known so far.
        rounds_left: how many more rounds fit into the budget; at least one is measured.
    """
    trial.open_roles, trial.open_cases = trial.roles, list(trial.cases)
    judged = {row.environment for row in rows}
    if not rows or judged < {*trial.roles} - {BASE}:
        return rounds_left >= 1 or not trial.rounds
    unsettled = [
        row
        for row in rows
        if not row.effect.settled and row.effect.rounds < LOOKS[-1] and row.environment in trial.roles
    ]
    open_ = [row for row in unsettled if row.finding != START] or [
        row for row in unsettled if row.effect.more_rounds is not None and row.effect.more_rounds <= rounds_left
    ]
    trial.open_roles = [role for role in trial.roles if role == BASE or role in {row.environment for row in open_}]
    if not any(row.finding == MEMORY for row in open_):
        names = {row.case for row in open_}
        trial.open_cases = [case for case in trial.cases if not names.isdisjoint({case.name, *first_step(case)})]
    return bool(open_) and rounds_left >= 1


def first_step(case: Case) -> list[str]:
    """The name of the case that a training's first step is; none for what is no training."""
    return [case_name("first", case.recipe, trainer=case.trainer)] if case.stage == "train" else []


def give_up_failed(trial: Trial) -> None:
    """Give up an environment that has lost the last rounds one after the other.

    Raises:
        DensebenchError: it is the base, or no other is left.
    """
    for role in trial.roles:
        last = [one for one in trial.rounds if role in one.told or role in one.lost][-LOST_IN_A_ROW:]
        reasons = [one.lost[role] for one in last if role in one.lost]
        if len(reasons) == LOST_IN_A_ROW:
            trial.surveyed[role] = msgspec.structs.replace(trial.surveyed[role], failed=reasons[-1])
    if BASE not in trial.roles or len(trial.roles) == 1:
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
        "injection": (old.injection, new.injection),
        "seed": (old.seed, trial.seed),
        "cases": (sorted(before.run.metadata.cases_planned), sorted(case.name for case in trial.cases)),
        "data": (before.run.metadata.dataset_sha256, trial.facts["dataset_sha256"]),
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
    with ThreadPoolExecutor(SIDE_BY_SIDE) as pool:
        told = list(pool.map(lambda item: _survey(trial, *item), enumerate(trial.environments)))
    for role, answer in zip(trial.environments, told, strict=True):
        environment = trial.environments[role]
        if failed := answer.get("failed") or answer.get("unavailable"):
            raise DensebenchError(f"{role} ({environment.word}): {failed}")
        check_identity(environment, answer["identity"])
        trial.surveyed[role] = _facts(role, environment, answer)
    graphs = {
        recipe: {(facts.surveys[recipe].graph, facts.packages.get("onnxruntime")) for facts in trial.surveyed.values()}
        for recipe in dict.fromkeys(case.recipe for case in trial.cases)
    }
    provable = [] if trial.injection else [case for case in trial.cases if case.stage == "infer"]
    trial.same_graph = [case for case in provable if len(graphs[case.recipe]) == 1]
    trial.cases = [case for case in trial.cases if case not in trial.same_graph]
    runtimes = {facts.packages.get("onnxruntime") for facts in trial.surveyed.values()}
    trial.together = [case for case in provable if case in trial.cases and len(runtimes) == 1]


def _survey(trial: Trial, core: int, role: str) -> Mapping[str, Any]:
    process = _start(trial, role, trial.seed, core % SIDE_BY_SIDE, survey=True)
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
        packages={name: _owners(told) for name, told in identity["packages"].items()},
        build=_build(identity["packages"].get("tensorflow", {})),
        variables=dict(environment.variables),
        surveys={name: convert(found, Survey) for name, found in answer["recipes"].items()},
    )


def _owners(told: Mapping[str, Any]) -> str:
    """The distributions that an import package comes from, with their versions."""
    return ", ".join(f"{name} {version}" for name, version in told["owners"].items()) or f"none {told['version']}"


def _build(tensorflow: Mapping[str, Any]) -> dict[str, str | None]:
    """What TensorFlow says that it was built from and with, and which Keras it has."""
    keras = tensorflow.get("keras") or {}
    return {
        "TensorFlow's source": tensorflow.get("git_version"),
        "TensorFlow's compiler": tensorflow.get("compiler_version"),
        "tf.keras": f"{keras.get('name')} {keras.get('version')}",
    }


def _measure(trial: Trial) -> list[Round]:
    """One more round; as several of fewer environments, each with the base, where memory does not hold all at once."""
    base, *heads = trial.open_roles
    free_bytes = free_memory_bytes()
    at_once = len(heads) if free_bytes is None else max(1, free_bytes // PROCESS_BYTES - 1)
    first = trial.first_number + len(trial.rounds)
    return [
        measure_round(
            first + number,
            [base, *heads[place : place + at_once]],
            trial.open_cases,
            trial.counts,
            trial.units_s,
            start=lambda role, seed, core: _start(trial, role, seed, core),
            seed=trial.seed,
            together=[case.name for case in trial.together],
        )
        for number, place in enumerate(range(0, len(heads), at_once))
    ]


def _start(trial: Trial, role: str, seed: int, core: int, *, survey: bool = False) -> Process:
    """Start a process of an environment; it prepares on one of the cores and is measured on the first."""
    environment, folder = trial.environments[role], trial.folder / role
    folder.mkdir(exist_ok=True)
    asked = WorkerRequest(
        cases=[asdict(case) for case in trial.open_cases],
        dataset=trial.dataset,
        data_dir=str(trial.data_dir.absolute()) if trial.data_dir else None,
        device=trial.device,
        folder=str(folder),
        seed=seed,
        others={one: str(trial.folder / one) for one in trial.open_roles[1:]}
        if role == BASE and trial.together
        else {},
        survey=survey,
        injection=trial.injection if role == HEAD else "",
        variables=list(environment.variables),
    )
    command = [str(environment.python), "-m", "bench.trials.worker", asked.to_json()]
    cpus = own_cpus()
    home, away = cpus[: trial.threads], cpus[core * trial.threads : (core + 1) * trial.threads]
    variables = {name: os.environ[name] for name in PASSED_ON if name in os.environ} | dict(environment.variables)
    with on_cpus(away or home):
        inherited = [] if trial.lock is None else [trial.lock]
        worker = Worker(command, timeout_s=ANSWER_TIMEOUT_S, environment=variables, inherited=inherited)
        return EnvironmentProcess(worker, home)


def node_identity() -> str:
    """A digest that tells this very machine from others of its kind; it does not name it."""
    parts = []
    for path in ("/etc/machine-id", "/proc/sys/kernel/random/boot_id"):
        try:
            parts.append(Path(path).read_text(encoding="ascii").strip())
        except OSError:
            continue
    return hashlib.sha256(" ".join(parts[:1] or ["unknown"]).encode()).hexdigest()[:16]
