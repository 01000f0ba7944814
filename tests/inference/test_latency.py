"""What the suite's own way of timing adds: a ratio of what is measured in turns, never a time."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


PROBE = "tests/reported_p50.py"


def test_the_reported_median_is_within_three_percent_of_a_bare_loop() -> None:
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:xdist", "-p", "no:cacheprovider", PROBE]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("RATIOS ")] or [done.stdout + done.stderr]
    ratios = json.loads(line.removeprefix("RATIOS "))
    assert abs(statistics.median(ratios) - 1) < 0.03, ratios
