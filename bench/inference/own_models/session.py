"""A user's graph in ONNX Runtime: one answer, and calls with made-up input."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from bench.errors import DensebenchError, one_line
from bench.host.timing import time_calls
from bench.inference.onnx_session import PRIME_CALLS, make_session
from bench.inference.own_models.inputs import Input, random_inputs

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

PRIME_S, FEWEST_CALLS = 0.5, 3
"""How long a graph is called untimed, and how often at least."""
CPU = "CPUExecutionProvider"


def answer_once(content: bytes, arrays: Sequence[NDArray[Any]], outputs: Sequence[str] | None) -> list[NDArray[Any]]:
    """What ONNX Runtime answers on the CPU.

    Args:
        content: an ONNX file.
        arrays: each input.
        outputs: names; ``None`` for all.

    Raises:
        DensebenchError: it does not load the graph, or does not run it.
    """
    try:
        session = make_session(content, CPU, threads=1)
        names = [one.name for one in session.get_inputs()]
        return [np.asarray(one) for one in session.run(outputs, dict(zip(names, arrays, strict=True)))]
    except Exception as error:  # noqa: BLE001  whatever ONNX Runtime raises is a fact about it
        raise DensebenchError(f"does not run in ONNX Runtime: {one_line(error)}") from None


def made_up_call(session: Any, inputs: Sequence[Input], size: int, seed: int) -> Callable[[], Any]:
    """A warm call of an open session with so many made-up examples. Raises DensebenchError."""
    names = [one.name for one in session.get_inputs()]
    feed = dict(zip(names, random_inputs(inputs, size, seed), strict=True))
    run: Callable[..., Any] = session.run

    def call() -> Any:
        return run(None, feed)

    time_calls(call, PRIME_CALLS, budget_s=PRIME_S, fewest=FEWEST_CALLS)
    return call
