"""This machine as an engine: each request is a process, one at a time."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Mapping
from queue import Empty, SimpleQueue

from bench.cluster.engines.engine import Ended
from bench.files import ROOT

NODE = "here"
COMMAND = (sys.executable, "-m", "bench.cluster.node")


class Here:
    """An engine whose only machine is this one."""

    def __init__(self) -> None:
        self._ended: SimpleQueue[Ended] = SimpleQueue()
        self._process: subprocess.Popen[bytes] | None = None

    def nodes(self) -> Mapping[str, str]:
        """This machine."""
        return {NODE: "localhost"}

    def submit(self, node: str, request: bytes) -> None:
        """Start the process of a request."""
        process = subprocess.Popen(COMMAND, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._process = process

        def run() -> None:
            answer, _ = process.communicate(request)
            why = f"its process ended with status {process.returncode}" if process.returncode else ""
            self._ended.put(Ended(node, None if why else answer, why))

        threading.Thread(target=run, daemon=True).start()

    def wait(self, timeout_s: float) -> Ended | None:
        """The request that ends."""
        try:
            return self._ended.get(timeout=timeout_s)
        except Empty:
            return None

    def close(self) -> None:
        """End the process that runs, if there is one."""
        if self._process and self._process.poll() is None:
            self._process.terminate()
            self._process.wait()
