"""A process of the suite whose ONNX Runtime sessions are visited; it works only while a request is open."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from bench.host.devices import claim_device, parse_device
from bench.host.visited import VisitedCalls
from bench.host.worker_side import attempt, end_with_parent, open_answers, read_request, serve


@dataclass(frozen=True, slots=True, kw_only=True)
class LatencyRequest:
    """What to open; sent as JSON.

    Attributes:
        device: as the user named it.
        images: a `.npy` file of test images (n, 784), float32.
        rows: name to the path of an ONNX file, the number of threads and the batch size. A file that has its inputs
            described beside it is one of the user's own, and gets made-up ones.
    """

    device: str
    images: str
    rows: dict[str, tuple[str, int, int]]

    def to_json(self) -> str:
        """The request as the worker's one argument."""
        return json.dumps(asdict(self))


def main() -> None:
    """Open all sessions, tell what a warm call of each row takes, and serve on standard input and output."""
    end_with_parent()
    request, send = read_request(LatencyRequest), open_answers()
    device = parse_device(request.device)
    claim_device(device)  # before NumPy loads BLAS
    import numpy as np

    from bench.inference.export import OnnxModel
    from bench.inference.onnx_session import batch_call, make_batch, open_session
    from bench.inference.own_models.inputs import MADE_UP_SEED
    from bench.inference.own_models.session import made_up_call
    from bench.inference.own_models.survey import described_inputs

    images = np.load(request.images)
    visited, sessions = VisitedCalls(), {}
    with ExitStack() as stack:

        def open_row(name: str, path: str, threads: int, batch_size: int) -> dict[str, Any]:
            model = OnnxModel(Path(path).read_bytes(), ())

            def make_call(session: Any) -> Callable[[], object]:
                if inputs := described_inputs(Path(path)):
                    return made_up_call(session, inputs, batch_size, MADE_UP_SEED)
                return batch_call(session, make_batch(images, batch_size))

            @contextmanager
            def open_call() -> Iterator[Callable[[], object]]:
                with open_session(model, device, threads=threads) as session:
                    yield make_call(session)

            if threads > 1:
                return {"call_s": visited.add_opened(name, open_call)}
            if path not in sessions:
                sessions[path] = stack.enter_context(open_session(model, device, threads=threads))
            return {"call_s": visited.add(name, make_call(sessions[path]))}

        def open_all() -> dict[str, Any]:
            return {"rows": {name: attempt(open_row, name, *place) for name, place in request.rows.items()}}

        serve({"open": open_all, **visited.actions}, sys.stdin, send)


if __name__ == "__main__":
    main()
