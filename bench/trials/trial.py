"""A trial: what it was asked for, what was measured so far, and how that is stored and judged."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from bench.host.node import node_identity
from bench.host.process import own_cpus
from bench.records.cases import INJECT, Case, case_name
from bench.records.run_file import round_timings
from bench.records.schema.run import convert, make_metadata
from bench.records.schema.trials import EnvironmentFacts, Timing, TrialOptions, TrialRecord
from bench.records.trials import MARGINS, PRIVATE, Pair, Row, StoredTrial, judge_records, pairs_of, typical

if TYPE_CHECKING:
    from bench.data.datasets import Dataset
    from bench.inference.own_models.file import ModelFile
    from bench.records.run_file import Content
    from bench.records.schema.profiles import Profile, Script
    from bench.trials.environments import Environment
    from bench.trials.rounds import Round

SURVEY_SEEDS = tuple(range(8))
"""Seeds of the short trainings, whose accuracies are judged."""


@dataclass
class Trial:
    """A trial under way.

    Attributes:
        environments: role to environment, the base first.
        cases: what is measured; those whose graphs are equal are in `same_graph` instead.
        margins: kind of finding to the largest difference that counts as the same.
        facts: what is known of the run (as `make_metadata` takes it), without the trial's own part.
        dataset: what is trained on and asked about.
        device: as `parse_device` takes it.
        seed: of models, orders and turns.
        pairs: what is compared; everything with the base unless given.
        rounds: those that are done.
        surveyed: role to what its environment is.
        same_graph: cases that were not timed, since the graphs and the runtime are equal.
        together: cases of exported models whose graphs differ on one runtime: one process takes them all.
        counts: case to the steps or calls of a turn.
        open_pairs: the pairs that are measured in the next round (see `narrow`).
        open_cases: the cases that each process of the next round prepares, so that all have prepared the same.
        open_turns: role and case of what is timed in turns in the next round.
        folder: where the data and the exported models lie.
        before: a stored trial that rounds are added to.
        lock: a file descriptor that the measured processes inherit.
        load_before: load average of the minute before the trial.
        begun_s: when it was made, by the monotonic clock.
        series: the self-test or bisection that it belongs to; empty for none.
        number: its place in the series, from 0.
        sought: what a bisection looks for.
        waiting: pairs that are measured only once all others are settled, and only in the cases that have changed, to
            the names of the cases that they are asked for in.
        hosts: role of an environment that has no process of its own to the one whose process and models it takes its
            turns with.
        findings: the kinds of finding that it goes on for until they are settled; others come along.
        part: the first round and their number, where these alone are measured, as a part of a larger trial.
        simulated: whether nothing is measured.
        choice: how many pairs may be asked for of its rounds later; it goes on until all of them can be judged.
        files: the user's own models, by name.
        recipes: likewise the user's own recipes.
        unloaded: what was left out to the reason.
        profiles: where the time of what changed goes, once that is known.
        scripts: what shows it without densebench.
    """

    environments: Mapping[str, Environment]
    cases: list[Case]
    margins: Mapping[str, float]
    facts: Mapping[str, Any]
    dataset: Dataset
    device: str
    threads: int
    seed: int
    budget_s: float
    pairs: Sequence[Pair] = ()
    rounds: list[Round] = field(default_factory=list)
    surveyed: dict[str, EnvironmentFacts] = field(default_factory=dict)
    same_graph: list[Case] = field(default_factory=list)
    together: list[Case] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    open_pairs: list[Pair] = field(default_factory=list)
    open_cases: list[Case] = field(default_factory=list)
    open_turns: set[tuple[str, str]] = field(default_factory=set)
    folder: Path = Path()
    before: StoredTrial | None = None
    lock: int | None = None
    load_before: float = field(default_factory=lambda: round(os.getloadavg()[0], 2))
    begun_s: float = field(default_factory=time.monotonic)
    series: str = ""
    number: int = 0
    sought: str = ""
    waiting: Mapping[Pair, Collection[str]] = field(default_factory=dict)
    hosts: Mapping[str, str] = field(default_factory=dict)
    findings: Collection[str] = tuple(MARGINS)
    choice: int = 0
    part: Sequence[int] = ()
    simulated: bool = False
    files: Mapping[str, ModelFile] = field(default_factory=dict)
    recipes: Mapping[str, ModelFile] = field(default_factory=dict)
    unloaded: Mapping[str, str] = field(default_factory=dict)
    profiles: Sequence[Profile] = ()
    scripts: Sequence[Script] = ()

    def __post_init__(self) -> None:
        """Compare everything with the base unless pairs were given."""
        self.pairs = self.pairs or pairs_of(list(self.environments))

    @property
    def own_files(self) -> list[ModelFile]:
        """All files of the user's own: models and recipes."""
        return [*self.files.values(), *self.recipes.values()]

    @property
    def injected(self) -> dict[str, str]:
        """Role to what is injected into its environment, where something is."""
        return {role: one.variables[INJECT] for role, one in self.environments.items() if INJECT in one.variables}

    @property
    def live_pairs(self) -> list[Pair]:
        """The pairs of which both environments are still measured."""
        return [pair for pair in self.pairs if {*pair} <= {*self.roles}]

    @property
    def roles(self) -> list[str]:
        """The environments that are still measured."""
        return [role for role in self.environments if self.surveyed[role].failed is None]

    @property
    def first_number(self) -> int:
        """The number of the first new round."""
        if self.part:
            return self.part[0]
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
        before_s = self.before.options.elapsed_s if self.before else 0.0
        options = TrialOptions(
            environments=tuple(self._environment(role) for role in self.environments if role in self.surveyed),
            margins=dict(self.margins),
            pairs=tuple(self.pairs),
            counts=dict(self.counts),
            seed=self.seed,
            seeds=SURVEY_SEEDS,
            budget_s=self.budget_s,
            node=node_identity(),
            cpus=tuple(own_cpus()),
            nice=os.nice(0),
            load_1min_before=self.load_before,
            elapsed_s=round(time.monotonic() - self.begun_s + before_s, 1),
            series=self.series,
            number=self.number,
            sought=self.sought,
            models={name: one.label for name, one in {**self.files, **self.recipes}.items()},
            unloaded=dict(self.unloaded),
            simulated=self.simulated,
            lost=tuple(f"round {one.number}, {role}: {why}" for one in self.rounds for role, why in one.lost.items()),
        )
        planned = [case.name for case in self.cases]
        metadata = make_metadata(self.facts, complete=complete, cases_planned=planned)
        found: dict[str, Any] = {"profiles": tuple(self.profiles), "scripts": tuple(self.scripts)}
        return msgspec.structs.replace(metadata, trial=options, **found), records

    def rows(self) -> list[Row]:
        """What the rounds so far tell."""
        return judge_records(self.records(), self.margins, self.pairs)

    def _environment(self, role: str) -> EnvironmentFacts:
        """What is known of an environment, with the cases that no process of it had."""
        told = [one.told[role]["cases"] for one in self.rounds if role in one.told]
        before = self.before.options.environments if self.before else ()
        missing = {name: why for one in before if one.role == role for name, why in one.missing.items()}
        for case in self.cases:
            answers = [one[case.name] for one in told if case.name in one]
            if answers and not any("first_s" in answer for answer in answers):
                missing[case.name] = str(answers[-1].get("unavailable") or answers[-1].get("failed"))
        return msgspec.structs.replace(self.surveyed[role], missing=missing, host=self.hosts.get(role, ""))

    def _records_of(self, role: str) -> Iterator[TrialRecord]:
        done = [one for one in self.rounds if role in one.told and role not in one.lost]
        later = {pair[1]: names for pair, names in self.waiting.items()}
        for case in self.cases:
            if role in later and case.name not in later[role]:
                continue
            turns = {one.number: one.timings.get((role, case.name), []) for one in done}
            yield self._record(role, case, "step" if case.stage == "train" else "call", turns)
        if role in self.hosts or role in later:
            return  # its start and its memory are those of its host, or were not asked for
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
        yield self._case("memory", "process"), PRIVATE, partial(_peak_bytes, len(self.cases))

    def _case(self, stage: str, what: str) -> Case:
        """A case that is of no model."""
        return Case(case_name(stage, what), stage, what, "", 1, self.threads)

    def _record(self, role: str, case: Case, measure: str, turns: Mapping[int, Sequence[Any]]) -> TrialRecord:
        known = {number: [convert(turn, Timing) for turn in one] for number, one in turns.items() if one}
        return TrialRecord(
            case=case.name,
            recipe=case.recipe,
            dataset=self.dataset.name,
            device=self.device,
            threads=self.threads,
            batch_size=case.batch_size,
            trainer=case.trainer or None,
            environment=role,
            measure=measure,
            rounds=tuple(known),
            turns=tuple(map(tuple, known.values())),
            values_s=() if measure == PRIVATE else round_timings([typical(one) for one in known.values()]),
        )


def _first_s(case: str, told: Mapping[str, Any]) -> float | None:
    """The seconds of a case's first step, as its process told them."""
    value: float | None = told["cases"].get(case, {}).get("first_s")
    return value


def _peak_bytes(cases: int, told: Mapping[str, Any]) -> float | None:
    """The private memory of a process that has prepared so many cases; ``None`` where it was asked for fewer."""
    value: float | None = told["peak_bytes"]
    return value if len(told["cases"]) >= cases else None


def first_step(case: Case) -> list[str]:
    """The name of the case that a training's first step is; none for what is no training."""
    return [case_name("first", case.recipe, trainer=case.trainer)] if case.stage == "train" else []
