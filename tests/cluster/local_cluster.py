"""A Dask scheduler with so many workers on this machine, on the loopback address alone: prints where it is, and stays.

Settings of `bench/README.md`: no profile, no dashboard, nothing tried again.
"""

from __future__ import annotations

import sys

import dask
import distributed


def main() -> None:
    """Start, print the scheduler's address, and end when standard input does."""
    settings = {
        "distributed.worker.profile.enabled": False,
        "distributed.scheduler.allowed-failures": 0,
        "distributed.admin.system-monitor.interval": "10s",
    }
    with (
        dask.config.set(settings),
        distributed.LocalCluster(
            n_workers=int(sys.argv[1]), threads_per_worker=1, processes=True, host="127.0.0.1", dashboard_address=None
        ) as cluster,
    ):
        print(cluster.scheduler_address, flush=True)  # noqa: T201  its one answer
        sys.stdin.read()


if __name__ == "__main__":
    main()
