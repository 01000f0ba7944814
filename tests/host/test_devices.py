from __future__ import annotations

import os
from collections.abc import Sequence
from types import SimpleNamespace

import pytest

from bench.errors import DensebenchError
from bench.host import devices
from bench.host.devices import Device, claim_device, parse_device, start_tensorflow
from bench.host.gpu import MissingRequirement


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
    monkeypatch.setattr(
        devices, "find_missing", lambda index: MissingRequirement(f"there is no GPU {index}.", "Name another one.")
    )
    with pytest.raises(DensebenchError, match="device 'gpu:1': there is no GPU 1"):
        claim_device(Device("gpu", 4, 1))


class FakeTensorFlow:
    """TensorFlow on a machine with these GPUs, built for these chips."""

    __version__ = "2.21.0"

    def __init__(self, gpus: list[str], capability: tuple[int, int] = (9, 0), built_for: Sequence[str] = ()) -> None:
        threading = SimpleNamespace(
            set_intra_op_parallelism_threads=lambda _count: None, set_inter_op_parallelism_threads=lambda _count: None
        )
        details = SimpleNamespace(get_device_details=lambda _gpu: {"compute_capability": capability})
        self.config = SimpleNamespace(threading=threading, experimental=details, list_physical_devices=lambda _: gpus)
        self.sysconfig = SimpleNamespace(get_build_info=lambda: {"cuda_compute_capabilities": list(built_for)})


@pytest.mark.parametrize(
    ("tensorflow", "message"),
    [
        (FakeTensorFlow([]), "sees no GPU"),
        (FakeTensorFlow(["GPU:0"], (12, 0), ["sm_80", "sm_90"]), "no kernels for compute capability 12.0"),
    ],
)
def test_a_gpu_that_tensorflow_cannot_use_is_an_error(
    tensorflow: FakeTensorFlow, message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(devices, "import_tensorflow", lambda: tensorflow)
    with pytest.raises(DensebenchError, match=message):
        start_tensorflow(Device("gpu", 4, 0))


def test_a_gpu_that_tensorflow_is_built_for_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    known = FakeTensorFlow(["GPU:0"], (9, 0), ["sm_80", "sm_90", "compute_90"])
    monkeypatch.setattr(devices, "import_tensorflow", lambda: known)
    assert start_tensorflow(Device("gpu", 4, 0)) is known
