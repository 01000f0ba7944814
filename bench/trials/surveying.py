"""What the environments of a trial are, what they train and export, and which cases are left to time."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from bench.data.stored import store
from bench.errors import DensebenchError
from bench.files import public_word
from bench.host.process import WorkerError
from bench.inference.own_models.certificate import certify
from bench.records.cases import INJECT
from bench.records.schema.rows import Parity
from bench.records.schema.run import convert
from bench.records.schema.trials import EnvironmentFacts, Survey
from bench.trials import processes
from bench.trials.identity import build_facts, check_identity, owners_text
from bench.trials.injections import parse_injection
from bench.trials.processes import DATA
from bench.trials.rounds import SIDE_BY_SIDE
from bench.trials.trial import SURVEY_SEEDS

if TYPE_CHECKING:
    from bench.progress import Progress
    from bench.trials.environments import Environment
    from bench.trials.trial import Trial


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
    process = processes.start(trial, [role], role, trial.seed, core % SIDE_BY_SIDE, survey=True)
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
