from __future__ import annotations

import os
from pathlib import Path

import pytest

from bench import devices
from bench.devices import Device, claim_device, parse_device
from bench.errors import DensebenchError


@pytest.fixture(autouse=True)
def four_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(devices, "available_threads", lambda: 4)


@pytest.mark.parametrize(
    ("text", "device", "name"),
    [
        ("cpu", Device("cpu", 4), "cpu"),
        ("cpu:1", Device("cpu", 1), "cpu:1"),
        ("cpu:4", Device("cpu", 4), "cpu"),
        ("gpu", Device("gpu", 4, 0), "gpu:0"),
        ("gpu:1", Device("gpu", 4, 1), "gpu:1"),
    ],
)
def test_devices_are_known_by_their_names(text: str, device: Device, name: str) -> None:
    assert parse_device(text) == device
    assert device.name == name


@pytest.mark.parametrize("text", ["", "tpu", "cpu:", "cpu:x", "cpu:-1", "gpu:one", "cpu:1:2"])
def test_unknown_devices_are_named_with_what_would_be_right(text: str) -> None:
    with pytest.raises(DensebenchError, match=r"unknown device.*Known: cpu, cpu:N"):
        parse_device(text)


@pytest.mark.parametrize("text", ["cpu:0", "cpu:5"])
def test_more_threads_than_cpus_are_refused(text: str) -> None:
    with pytest.raises(DensebenchError, match="1 to 4 CPUs"):
        parse_device(text)


def test_a_cpu_run_hides_every_gpu_and_sets_all_thread_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", {"TF_USE_LEGACY_KERAS": "1"})
    claim_device(Device("cpu", 3))
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "-1"
    assert {os.environ[f"{name}_NUM_THREADS"] for name in ("OMP", "OPENBLAS", "MKL")} == {"3"}
    assert "TF_USE_LEGACY_KERAS" not in os.environ


def test_a_gpu_that_is_not_there_is_an_error_and_never_a_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "exists", lambda _path: False)
    with pytest.raises(DensebenchError, match="no GPU is visible"):
        claim_device(Device("gpu", 4, 0))
