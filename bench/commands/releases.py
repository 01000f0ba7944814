"""`python -m bench releases`: what changed from one release of TensorFlow to the next, in interleaved rounds."""

from __future__ import annotations

import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from bench.commands.arguments import words_of
from bench.commands.ci import add_ci_options, tell_ci
from bench.commands.cluster import add_cluster_options, elsewhere
from bench.commands.judging import (
    Measured,
    Wanted,
    add_trial_options,
    exit_status,
    make_trial,
    measure,
    read_trial,
)
from bench.commands.own_models import add_model_options, named_models
from bench.errors import ALARM, FAILED, UNTOLD, DensebenchError
from bench.files import short
from bench.formats import format_counted
from bench.locks.make import make
from bench.progress import Progress
from bench.records.compatibility import FOLDER as COMPATIBILITY
from bench.records.compatibility import newest_compatibility
from bench.records.known_releases import Release, find_release, known_releases
from bench.records.record import RunFileError, RunReader
from bench.records.releases import FOLDER, ReleaseTrials, choose_pair, group, plan_pairs, steps
from bench.records.run_file import PUBLISHED
from bench.records.trials import BASE, CONTROL, StoredTrial, trial_of, upgrades
from bench.report.own_pages import refresh_pages
from bench.report.pages.compatibility_sentences import files_sentence, numbers_sentence
from bench.report.pages.releases import control_differs, pair_page, releases_page
from bench.trials.plans import newest_version
from bench.trials.surveying import find_unloadable

if TYPE_CHECKING:
    import argparse
    from collections.abc import Mapping

CASES = "*deep_mlp*,*dropout_mlp*"
QUICK_CASES = "train[deep_mlp,trainer=*]"
NEWEST = "newest"
BUDGET, ADDED_BUDGET = "45m", "15m"
"""Where the user names none: for all releases, and for one beside two that are stored."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's options."""
    known = ", ".join(release.name for release in known_releases())
    parser.add_argument(
        "more", metavar="WORD", nargs="*", help="what else follows the newest release: tensorflow-cpu==2.22.0rc0, …"
    )
    add_model_options(parser.add_argument)
    add_ci_options(parser)
    parser.add_argument("--releases", help=f"with commas between (default: all: {known})")
    add_trial_options(parser, cases="those of deep_mlp and dropout_mlp", budget=f"{BUDGET}; of --add {ADDED_BUDGET}")
    parser.set_defaults(budget=None)
    resume = "add rounds to a stored trial (default: the newest)"
    parser.add_argument("--resume", nargs="?", const=NEWEST, metavar="FILE", help=resume)
    add = "measure only this beside the oldest and the newest stored release"
    parser.add_argument("--add", metavar="WORD", help=add)
    parser.add_argument("--from", dest="first", metavar="RELEASE", help="what the stored rounds say of two releases")
    parser.add_argument("--to", dest="last", metavar="RELEASE", help="the other one")
    parser.add_argument(
        "--quick", action="store_true", help=f"{QUICK_CASES} alone; on other machines half of the rounds"
    )
    add_cluster_options(parser, simulate=True)


def run(arguments: argparse.Namespace) -> int:
    """Measure, save after each round, and print what changed; or tell what is stored of a pair.

    Returns:
        `UNTOLD` where the control differs from the base; else `ALARM` where something got worse from one release to
        the next; else `FAILED` where an environment could not be measured to the end or the run could not be stored in
        its place; `UNTOLD` where a finding on steps or calls is open; `FINE` otherwise.

    Raises:
        DensebenchError: an option is wrong, or an environment or the data cannot be had.
    """
    progress = Progress(sys.stdout)
    if arguments.first or arguments.last:
        return _tell_pair(arguments, progress)
    arguments.budget = arguments.budget or (ADDED_BUDGET if arguments.add else BUDGET)
    if arguments.quick:
        arguments.cases = arguments.cases or QUICK_CASES
    if (status := elsewhere(arguments, "releases")) is not None:
        return status
    path = _resumed(arguments) if arguments.resume else None
    (models, data), wanted = named_models(arguments), _wanted(arguments, path, progress)
    wanted = replace(wanted, models=models, data=data, cases=None if models.names else wanted.cases)
    trial = make_trial(arguments, wanted, progress)
    if wanted.models.files and (unloadable := find_unloadable(trial, progress)):
        trial = make_trial(arguments, _without(wanted, unloadable, progress), progress)
    found = measure(trial, progress, results=arguments.results, folder=FOLDER, what="releases", resume=path)
    return _tell(found, arguments, progress) if found else FAILED


def _wanted(arguments: argparse.Namespace, path: Path | None, progress: Progress) -> Wanted:
    """What is compared: that of a stored trial, one release beside those that are stored, or all releases."""
    if path:
        before = read_trial(path)
        words = {one.role: one.word for one in before.options.environments if one.role != CONTROL}
        pairs = [pair for pair in before.pairs if pair[1] != CONTROL]
        choice = len(upgrades(list(words)))
        return Wanted(words=words, control=True, pairs=pairs, cases=CASES, before=before, choice=choice)
    if arguments.add:
        found = _stored(arguments.results)
        trial, (_, newest) = found.steps[-1]
        last = trial.environment(newest)
        before_it, new = environment_name(last.word), environment_name(arguments.add)
        if before_it == new:
            raise DensebenchError(
                f"--add {arguments.add!r} is the newest stored release; `--resume` adds rounds to it."
            )
        words = {BASE: found.main.base.word, before_it: last.word, new: arguments.add}
        pairs = [(before_it, new), (BASE, new)]
        return Wanted(words=words, control=True, pairs=pairs, cases=CASES, choice=len(upgrades(list(words))))
    if arguments.releases is None and not arguments.simulate:
        look_for_newer(progress)
    words = {release.name: release.requirement for release in select_releases(arguments.releases)}
    words |= {environment_name(word): word for word in arguments.more}
    if len(words) < 2:  # noqa: PLR2004  a comparison
        raise DensebenchError(f"{', '.join(words.values())!r} is one release: two or more are compared.")
    roles = [BASE, *list(words)[1:]]
    named = dict(zip(roles, words.values(), strict=True))
    choice = len(upgrades(roles))
    return Wanted(words=named, control=True, pairs=plan_pairs(roles), cases=CASES, choice=choice)


def _without(wanted: Wanted, unloadable: Mapping[str, str], progress: Progress) -> Wanted:
    """The same without releases that do not load the user's models: the base is the oldest that does.

    Raises:
        DensebenchError: fewer than two are left.
    """
    unloaded = {wanted.words[role]: reason for role, reason in unloadable.items() if role in wanted.words}
    for word, reason in unloaded.items():
        progress.done(f"{word}: {reason}")
    left = [word for role, word in wanted.words.items() if role not in unloadable]
    if len(left) < 2:  # noqa: PLR2004  a comparison
        raise DensebenchError(f"{format_counted(len(left), 'release')} of {len(wanted.words)} load the model.")
    roles = [BASE, *map(environment_name, left[1:])]
    words, choice = dict(zip(roles, left, strict=True)), len(upgrades(roles))
    return replace(wanted, words=words, pairs=plan_pairs(roles), unloaded=unloaded, choice=choice)


def select_releases(text: str | None) -> list[Release]:
    """The releases that the user named, earliest first; all without a text. Raises DensebenchError."""
    if text is None:
        return known_releases()
    return sorted({find_release(word) for word in words_of(text)})


def look_for_newer(progress: Progress) -> None:
    """Ask the registry for the newest release; one without a lock gets one, and is known from then on."""
    known = known_releases()[-1]
    progress.update("the newest release")
    try:
        version = newest_version("tensorflow-cpu")
    except DensebenchError as error:
        progress.done(f"whether there is a newer release could not be looked up: {error}")
        return
    newest = Release(*map(int, version.split(".")[:2]))
    if newest <= known:
        return
    done = make(newest.environment, newest.name) == 0
    made = f"bench/locks/{newest.environment}.txt was made" if done else "its lock could not be made, so it is left out"
    progress.done(f"TensorFlow {version} is out: {made}")


def environment_name(word: str) -> str:
    """A name for the environment of a word: its version where it has one."""
    version = re.search(r"==([\w.]+)", word)
    return version[1] if version else re.sub(r"[^\w.]+", "-", word)


def _stored(results: Path) -> ReleaseTrials:
    """The stored trials of all releases. Raises DensebenchError."""
    found = group(_read(results))
    if not found:
        raise DensebenchError(f"no trial of releases is stored in {results}: `python -m bench releases` measures one.")
    return found[0]


def _read(results: Path) -> list[StoredTrial]:
    """Every stored trial of releases that can be read."""
    trials = []
    for run in RunReader().read_folder(results, FOLDER)[0]:
        try:
            trials.append(trial_of(run))
        except RunFileError:
            continue
    return trials


def _resumed(arguments: argparse.Namespace) -> Path:
    """The file that rounds are added to. Raises DensebenchError."""
    if arguments.resume != NEWEST:
        return Path(arguments.resume)
    (path,) = arguments.results.glob(f"raw/*/{FOLDER}/{_stored(arguments.results).trials[-1].run.file}")
    return Path(path)


def _tell_pair(arguments: argparse.Namespace, progress: Progress) -> int:
    """Print what the stored rounds say of two releases: the user's own, or else the published ones.

    Raises:
        DensebenchError: a release was not measured, or not in the same rounds.
    """
    if not (arguments.first and arguments.last):
        raise DensebenchError("--from and --to go together: --from 2.15 --to 2.21.")
    trial = choose_pair(_read(arguments.results) or _read(PUBLISHED), arguments.first, arguments.last)
    progress.done(pair_page(trial))
    return exit_status(trial, trial.pairs)


def _survives(results: Path) -> list[str]:
    """What the user's own survey of compatibility says, or else the published one."""
    for folder in (results, PUBLISHED):
        stored = newest_compatibility(RunReader().read_folder(folder, COMPATIBILITY)[0])
        if stored:
            told = " ".join([files_sentence(stored), numbers_sentence(stored)])
            return [f"{told} (`python -m bench compatibility`, {stored.run.started_at[:10]})\n"]
    return []


def _tell(found: Measured, arguments: argparse.Namespace, progress: Progress) -> int:
    """Print the page and write it; the exit status."""
    trial, results = found.stored, arguments.results
    shown = group([*_read(results), trial], trial.options.models) if found.saved else [ReleaseTrials(trial)]
    progress.done(f"\n{releases_page(shown[0])}")
    for line in _survives(results):
        progress.done(line)
    written = [short(found.path), *(refresh_pages(results, "releases", RunReader()) if found.saved else [])]
    written += tell_ci(arguments, trial, steps(trial), progress)
    progress.done("\n  ".join(["Wrote:", *written]))
    if control_differs(ReleaseTrials(trial)):
        return UNTOLD
    status = exit_status(trial, steps(trial))
    return status if found.saved or status == ALARM else FAILED
