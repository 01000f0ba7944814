"""What a release costs whoever starts it: one process, measured by its own means."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.data.datasets import load_dataset
from bench.host.machine import PEAK, process_memory
from bench.records.record import read_run
from bench.records.schema import EpochRecord
from bench.trials.releases import probe
from bench.trials.releases.probe import ProbeRequest, measure

ROOT = Path(__file__).parents[2]
SHARED = {"schema": 1, "dataset": "digits", "dataset_sha256": "", "device": "cpu:1", "threads": 1, "quick": True}
PROBE = """
import functools, json, sys
from bench.trials.releases import probe
looks = []
def clock():
    looks.append("tensorflow" in sys.modules)
    return float(len(looks))
probe.CALLS, probe.PREDICTS = {1: 30, 1000: 3}, {1: 3, 1000: 2}
probe.probe = functools.partial(probe.probe, clock=clock)
probe.main()
print(json.dumps(looks))
"""
"""The probe with few calls and a clock that grows by one with each look, and notes whether TensorFlow was there."""


@pytest.mark.slow
def test_a_process_tells_its_import_its_epoch_its_memory_and_its_calls(tmp_path: Path) -> None:
    path = tmp_path / "probe.json"
    asked = ProbeRequest(
        path=str(path), command="python -m bench versions", dataset="digits", data_dir=None, device="cpu:1", quick=True
    )
    done = subprocess.run([sys.executable, "-c", PROBE, asked.to_json()], cwd=ROOT, check=True, capture_output=True)
    run = read_run(path)
    assert (run.trainer, run.quick, run.device, run.missing) == ("probe", True, "cpu:1", ())
    by_case = {record.case: record for record in run.records}
    assert set(by_case) == {
        "import[tensorflow]",
        "process[deep_mlp]",
        *(f"{name}[deep_mlp,batch={size}]" for name in ("call", "predict") for size in (1, 1000)),
    }
    assert by_case["import[tensorflow]"].values_s == (1.0,)
    assert json.loads(done.stdout.splitlines()[-1])[:2] == [False, True], "TensorFlow is imported inside the clock"
    (epoch,) = run.of(EpochRecord)
    assert (epoch.peak_bytes or 0) > 200e6
    assert len(by_case["call[deep_mlp,batch=1]"].values_s) == 30


@pytest.mark.usefixtures("tf")
def test_a_model_that_learns_nothing_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.recipe.QUICK_FLOOR", 1.01)
    monkeypatch.setattr(probe, "CALLS", {1: 1})
    monkeypatch.setattr(probe, "PREDICTS", {1: 1})
    (process, *others) = measure(load_dataset("digits", None), dict(SHARED), quick=True)
    assert "is below the floor of 1.01" in process["extra_info"]["faults"][0]
    assert all(row["extra_info"]["status"] == "invalid" for row in others)


def test_memory_is_told_where_the_system_tells_it(tmp_path: Path) -> None:
    status = tmp_path / "status"
    status.write_text("VmPeak:\t 20 kB\nVmHWM:\t 12 kB\n", encoding="ascii")
    assert process_memory(PEAK, status) == 12 * 1024
    assert process_memory(PEAK, tmp_path / "none") is None


def test_numpy_is_not_there_before_tensorflow() -> None:
    """Otherwise the import that is measured would be shorter than a user's."""
    code = "import sys, bench.trials.releases.probe; sys.exit('numpy' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, env={**os.environ, "PYTHONPATH": str(ROOT)})


def test_a_request_crosses_the_process_boundary() -> None:
    asked = ProbeRequest(path="p", command="c", dataset="digits", data_dir=None, device="cpu", quick=False)
    assert ProbeRequest(**json.loads(asked.to_json())) == asked
