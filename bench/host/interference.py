"""Interference from other processes: stolen CPU time, context switches and system load."""

from __future__ import annotations

import os
import resource
from dataclasses import dataclass
from pathlib import Path

STEAL_FIELD = 8  # of the "cpu" line: user nice system idle iowait irq softirq steal (proc(5))


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The counters at one moment, to be compared with a second snapshot.

    Attributes:
        steal_s: CPU seconds that the hypervisor gave to others, over all CPUs; ``None`` where Linux does not report it.
        involuntary_switches: involuntary context switches of this process.
        load_1min: load average of the last minute.
    """

    steal_s: float | None
    involuntary_switches: int
    load_1min: float


def take_snapshot(proc_stat: Path = Path("/proc/stat")) -> Snapshot:
    """The counters of this machine and process, now."""
    return Snapshot(
        steal_s=_steal_s(proc_stat),
        involuntary_switches=resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw,
        load_1min=os.getloadavg()[0],
    )


def interference(before: Snapshot, after: Snapshot) -> dict[str, float | int | None]:
    """Differences between two snapshots, as stored beside a row."""
    stolen = None if before.steal_s is None or after.steal_s is None else round(after.steal_s - before.steal_s, 3)
    return {
        "steal_s": stolen,
        "involuntary_context_switches": after.involuntary_switches - before.involuntary_switches,
        "load_1min_before": round(before.load_1min, 2),
    }


def _steal_s(proc_stat: Path) -> float | None:
    try:
        fields = proc_stat.read_text(encoding="ascii").split("\n", 1)[0].split()
        return int(fields[STEAL_FIELD]) / os.sysconf("SC_CLK_TCK")
    except (OSError, IndexError, ValueError):
        return None
