"""Run files made by hand, for everything that reads them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

MACHINE = {
    "name": "test-cpu-2cpu-8gib",
    "cpu": "Test CPU",
    "cpus": 2,
    "memory_gib": 8,
    "system": "Linux",
    "python": "3.11.0",
}
PACKAGES = {"tensorflow": "2.21.0", "onnxruntime": "1.31.1", "numpy": "2.4.6"}


def train_row(
    recipe: str = "deep_mlp", values_s: tuple[float, ...] = (10.0, 12.0, 11.0), **extra_info: Any
) -> dict[str, Any]:
    """A training row as pytest-benchmark stores it: two epochs over 48,000 images per seed."""
    count = len(values_s)
    return benchmark_row(
        values_s,
        case=f"train[{recipe}]",
        stage="train",
        recipe=recipe,
        batch_size=32,
        threads=2,
        **{
            "trainer": "compiled",
            "parameters": 79510,
            "seeds": list(range(count)),
            "test_accuracies": [0.86, 0.87, 0.88][:count],
            "train_images": 48_000,
            "epochs_run": [2] * count,
            "first_step_s": [0.25] * count,
            **extra_info,
        },
    )


def infer_row(
    recipe: str = "deep_mlp",
    values_s: tuple[float, ...] = (8e-6,) * 662,
    *,
    batch_size: int = 1,
    threads: int = 1,
    **extra_info: Any,
) -> dict[str, Any]:
    """A latency row as pytest-benchmark stores it."""
    return benchmark_row(
        values_s,
        case=f"infer[{recipe},batch={batch_size},threads={threads}]",
        stage="infer",
        recipe=recipe,
        batch_size=batch_size,
        threads=threads,
        **{
            "parameters": 79510,
            "precision": "float32",
            "onnx_bytes": 319_400,
            "parity": {"images": 10_000, "max_abs_diff": 4.2e-7, "changed_predictions": 0, "ties": 0},
            **extra_info,
        },
    )


def visited_row(
    recipe: str = "deep_mlp",
    *,
    processes: int = 8,
    laps: int = 12,
    span_s: float = 11.0,
    factor: Callable[[int], float] = lambda _process: 1.0,
    **extra_info: Any,
) -> dict[str, Any]:
    """A latency row as visits leave it: 8 µs a call, 1 % more from process to process, one call in sixty 20 µs."""
    values_s: list[float] = []
    visits = []
    count = processes * laps
    for number in range(count):
        process = number % processes
        visits.append([process, 60, round(span_s * number / (count - 1), 3)])
        values_s += [8e-6 * (1 + 0.01 * (process % 3 - 1)) * factor(process)] * 59 + [20e-6]
    return infer_row(recipe, tuple(values_s), visits=visits, cold_cache_s=[1e-5] * 10, **extra_info)


def benchmark_row(values_s: tuple[float, ...], **extra_info: Any) -> dict[str, Any]:
    """One entry of pytest-benchmark's `benchmarks`."""
    shared = {"schema": 1, "status": "valid", "faults": [], "dataset": "fashion_mnist", "device": "cpu", "quick": False}
    return {"name": extra_info["case"], "extra_info": {**shared, **extra_info}, "stats": {"data": list(values_s)}}


def run_content(benchmarks: list[dict[str, Any]], **metadata: Any) -> dict[str, Any]:
    """A whole run file."""
    return {
        "benchmarks": benchmarks,
        "densebench": {
            "schema": 1,
            "machine": MACHINE,
            "packages": PACKAGES,
            "started_at": "2026-01-02T03:04:05+00:00",
            "commit": "abc1234",
            "command": "pytest bench/ --benchmark-only",
            "dataset": "fashion_mnist",
            "device": "cpu",
            "threads": 2,
            "trainer": "compiled",
            "quick": False,
            "complete": True,
            "cases_planned": [row["extra_info"]["case"] for row in benchmarks],
            "invalid": [],
            "fallback_reason": None,
            **metadata,
        },
    }


def refuse(row: dict[str, Any], *faults: str) -> dict[str, Any]:
    """A row as it is stored once it is INVALID."""
    return {**row["extra_info"], "status": "invalid", "faults": list(faults), "values_s": row["stats"]["data"]}
