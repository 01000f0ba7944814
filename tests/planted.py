"""Real trials with a known truth: equal environments, and regressions that are injected (`python -m tests.planted`).

Each trial is a `duel` of an environment against itself, each head with an injection, and with a copy of the base as
control.
"""

from __future__ import annotations

import argparse
import math
import statistics
import subprocess
import sys
from collections import Counter
from pathlib import Path

from bench.errors import MEANINGS
from bench.records.cases import INJECT
from bench.records.record import RunReader
from bench.records.trials import CONTROL, FOLDER, OVERALL, START, TYPICAL, StoredTrial, trial_of
from bench.report.pages.selftest import rate_text
from bench.stats.power import Rate
from bench.stats.simultaneous import CANNOT_TELL, SAME, SLOWER

ROOT = Path(__file__).parent.parent
WORD = "tensorflow-cpu==2.21.0"
CASES = "train[deep_mlp,trainer=*],call[deep_mlp,batch=1],infer[deep_mlp,batch=1,threads=1]"
FINDING = {"slow": TYPICAL, "stall": OVERALL, "tail": OVERALL, "labels": ""}
"""By which finding on times an injection has to be called."""


def measure(options: argparse.Namespace) -> None:
    """Measure further trials, until there are as many as were asked for; one that fails early leaves no file."""
    for number in range(len(list(options.results.glob(f"raw/*/{FOLDER}/*.json"))), options.trials):
        heads = [f"{WORD} {INJECT}={injection}" for injection in options.injections]
        words = [WORD, *heads, "--control", f"--cases={options.cases}"]
        words += [f"--budget={options.budget}", f"--results={options.results}"]
        status = subprocess.run(
            [sys.executable, "-m", "bench", "duel", *words], cwd=ROOT, stdout=subprocess.DEVNULL, check=False
        ).returncode
        sys.stdout.write(f"trial {number + 1}: status {status} ({MEANINGS.get(status)})\n")
        sys.stdout.flush()


def read(results: Path) -> list[StoredTrial]:
    """Every stored trial, those that were stopped included."""
    reader = RunReader()
    return [trial_of(reader.read(path)) for path in sorted(results.glob(f"raw/*/{FOLDER}/*.json"))]


def tell(trials: list[StoredTrial]) -> str:
    """How many controls raised an alarm, and how many injections were called, by case."""
    lines = [f"{len(trials)} trials, {sum(not one.run.complete for one in trials)} of them stopped before their end"]
    controls = {one.run.file: [row for row in one.rows if row.environment == CONTROL] for one in trials}
    judged = [name for name, rows in controls.items() if any(row.effect.low is not None for row in rows)]
    alarms = {
        name: [f"{row.case} {row.finding} {row.word}" for row in controls[name] if row.word not in {SAME, CANNOT_TELL}]
        for name in judged
    }
    lines.append(f"controls with an alarm: {rate_text(Rate(sum(map(bool, alarms.values())), len(judged)))}")
    lines += [f"  {name}: {', '.join(found)}" for name, found in alarms.items() if found]
    settled = Counter((row.finding, row.effect.settled) for rows in controls.values() for row in rows)
    lines += [
        f"controls, {finding}: {settled[finding, True]} of {settled[finding, True] + settled[finding, False]} settled"
        for finding in (TYPICAL, OVERALL, START)
    ]
    injected = [
        (one, head.variables[INJECT], head.role) for one in trials for head in one.heads if INJECT in head.variables
    ]
    for kind in dict.fromkeys(kind for _, kind, _ in injected):
        rows = [row for one, this, role in injected if this == kind for row in one.rows if row.environment == role]
        for case in dict.fromkeys(row.case for row in rows):
            for finding in (TYPICAL, OVERALL):
                some = [row for row in rows if (row.case, row.finding) == (case, finding)]
                if not some:
                    continue
                ratio = math.exp(statistics.fmean(row.effect.value or 0.0 for row in some))
                called = rate_text(Rate(sum(row.word == SLOWER for row in some), len(some)))
                mark = "*" if finding == FINDING[kind.partition(":")[0]] else " "
                lines.append(f"{mark} {kind} {case} {finding}: called in {called}; mean ratio {ratio:.3f}")
    return "\n".join(lines)


def main() -> int:
    """Measure where trials are missing, and tell what all of them found."""
    parser = argparse.ArgumentParser(prog="python -m tests.planted", description=__doc__)
    parser.add_argument("results", type=Path, metavar="DIR", help="where the trials are stored, and added to")
    parser.add_argument("--trials", type=int, default=0, help="so many in all (default: tell of those that there are)")
    parser.add_argument("--inject", dest="injections", nargs="+", default=["slow:5%"])
    parser.add_argument("--cases", default=CASES)
    parser.add_argument("--budget", default="4m", help="of each trial (default: %(default)s)")
    options = parser.parse_args()
    options.results = options.results.absolute()
    measure(options)
    sys.stdout.write(f"{tell(read(options.results))}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
