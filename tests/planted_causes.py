"""`python -m tests.planted_causes`: causes of slowdowns, drawn by seed and planted into an environment, and explained.

What explains does not know of them. It is right where the part that it names is the planted one, and what it says of
its share of the change lies within 20 points of all of it. Each takes some minutes; what is done is kept, and skipped
the next time.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from pathlib import Path

from bench.__main__ import main as run_command
from bench.records.explanations import changed, explanation_of, functions, parts
from bench.records.record import RunReader
from bench.records.trials import TYPICAL

PLANTS = Path(__file__).parent / "plants"
FIT, CALL = "train[deep_mlp,trainer=fit]", "call[deep_mlp,batch=1]"
KINDS = {
    "callback": (FIT, (80, 500), "Python of own code"),
    "layer": (CALL, (60, 400), "Python of own code"),
    "dependency": (CALL, (60, 400), "Python of own code"),
    "operator": (FIT, (100, 800), "compiled code"),
    "pipeline": (FIT, (100, 500), "input pipeline"),
}
"""Kind to its case, microseconds from and to (5 to 40 % of a step or call, about), and the part that carries it."""
POINTS = 0.20


def draw(count: int, seed: int) -> list[tuple[str, int]]:
    """Kinds and amounts."""
    source = random.Random(seed)
    kinds = [kind for _ in range(-(-count // len(KINDS))) for kind in source.sample(list(KINDS), len(KINDS))]
    return [(kind, source.randint(*KINDS[kind][1])) for kind in kinds[:count]]


def explain(word: str, kind: str, amount: int, results: Path) -> dict[str, object]:
    """Plant one cause, have it explained, and say what was named."""
    case, _, part = KINDS[kind]
    head = f"{word} PYTHONPATH={PLANTS} DENSEBENCH_PLANT={kind}:{amount}"
    status = run_command(["explain", word, head, "--cases", case, "--budget", "4m", "--results", str(results)])
    (path,) = results.glob("raw/*/explanations/*.json")
    trial = explanation_of(RunReader().read(path))
    rows = [row for row in changed(trial) if row.case == case and row.finding == TYPICAL]
    found = parts(trial, case)
    named = found[0] if found else None
    right = named is not None and named.name == part and abs(named.share - 1) <= POINTS
    return {
        "kind": kind,
        "amount_us": amount,
        "status": status,
        "changed": round(rows[0].effect.value or 0.0, 4) if rows else None,
        "named": named and named.name,
        "function": functions(trial, case, named.name)[:1] if named else [],
        "share": named and round(named.share, 3),
        "right": right,
    }


def main() -> int:
    """Explain what is drawn; 0 where 18 of 20 are right, in proportion."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--word", default="tensorflow-cpu==2.21.0")
    parser.add_argument("--results", type=Path, required=True, help="where what is done is kept")
    asked = parser.parse_args()
    told = []
    for number, (kind, amount) in enumerate(draw(asked.count, asked.seed)):
        folder = asked.results / f"{asked.seed}-{number}"
        path = folder / "told.json"
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(explain(asked.word, kind, amount, folder)), encoding="utf-8")
        told.append(json.loads(path.read_text(encoding="utf-8")))
        sys.stdout.write(f"{number}: {told[-1]}\n")
    right = sum(one["right"] for one in told)
    sys.stdout.write(f"{right} of {len(told)} named, their share within {100 * POINTS:.0f} points\n")
    return 0 if right >= 0.9 * len(told) else 1


if __name__ == "__main__":
    sys.exit(main())
