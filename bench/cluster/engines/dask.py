"""A Dask cluster as an engine. What it sends is a call of `subprocess.check_output`: no function of ours is pickled.

On each machine runs one Dask worker. It starts the interpreter that ``DENSEBENCH_PYTHON`` names (else ``python3``), in
the checkout that ``DENSEBENCH_HOME`` names (else its own folder), as a process that reads one request.
"""

from __future__ import annotations

import subprocess
import uuid
from collections.abc import Mapping
from typing import Any

import distributed

from bench.cluster.engines.engine import Ended
from bench.errors import DensebenchError

COMMAND = (
    "/bin/sh",
    "-c",
    'cd "${DENSEBENCH_HOME:-.}" && exec "${DENSEBENCH_PYTHON:-python3}" -m bench.cluster.node',
)
CONNECT_S = 20
LOOK_S = 1.0
"""How often it is looked whether the machines are still there."""


class Dask:
    """An engine whose machines are the workers of a Dask scheduler.

    Args:
        address: of the scheduler: ``tcp://127.0.0.1:8786``.

    Raises:
        DensebenchError: it cannot be reached.
    """

    def __init__(self, address: str) -> None:
        try:
            self._client: Any = distributed.Client(address, timeout=CONNECT_S, set_as_default=False)
        except (OSError, TimeoutError, ValueError) as error:
            raise DensebenchError(f"--on dask:{address}: no scheduler answers there ({error}).") from None
        self._running: dict[str, tuple[str, Any]] = {}

    def nodes(self) -> Mapping[str, str]:
        """Each worker's name to its address."""
        workers = self._client.scheduler_info(n_workers=-1)["workers"]
        return {str(one.get("name", address)): address for address, one in workers.items()}

    def submit(self, node: str, request: bytes) -> None:
        """Have a worker start the process of a request; Dask itself tries nothing a second time."""
        address = self.nodes()[node]
        future = self._client.submit(
            subprocess.check_output,
            COMMAND,
            input=request,
            key=f"densebench-{uuid.uuid4().hex}",
            workers=[address],
            allow_other_workers=False,
            pure=False,
            retries=0,
        )
        self._running[node] = (address, future)

    def wait(self, timeout_s: float) -> Ended | None:
        """The request that ends, or whose worker is gone."""
        left_s = timeout_s
        while left_s > 0:
            for node, (_, future) in self._running.items():
                if future.done():
                    return self._end(node)
            gone = [node for node, (address, _) in self._running.items() if address not in self.nodes().values()]
            if gone:
                self._running.pop(gone[0])[1].cancel(force=True)
                return Ended(gone[0], None, "its worker is gone")
            futures = [future for _, future in self._running.values()]
            try:
                with self._client.as_current():
                    distributed.wait(futures, timeout=min(left_s, LOOK_S), return_when="FIRST_COMPLETED")
            except TimeoutError:
                left_s -= LOOK_S
        return None

    def close(self) -> None:
        """Cancel what runs, and leave the scheduler; its workers stay."""
        for _, future in self._running.values():
            future.cancel(force=True)
        self._client.close()

    def _end(self, node: str) -> Ended:
        _, future = self._running.pop(node)
        try:
            answer = future.result()
        except Exception as error:  # noqa: BLE001  Dask raises what the worker raised, or its own
            return Ended(node, None, f"{type(error).__name__}: {error}"[:200])
        return Ended(node, answer)
