"""What is missing before a GPU can be used, on machines made of files."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import NoReturn

import pytest

from bench.host.devices import Device
from bench.host.gpu import FIELDS, describe_gpu, find_missing, missing_kernels
from bench.inference.onnx_session import device_faults


def machine(root: Path, *files: str, card: bool = False) -> Path:
    for file in files:
        path = root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    if card:
        device = root / "sys/bus/pci/devices/0000:01:00.0"
        device.mkdir(parents=True)
        (device / "vendor").write_text("0x10de\n", encoding="ascii")
        (device / "class").write_text("0x030200\n", encoding="ascii")
    return root


def cannot_load(name: str) -> NoReturn:
    raise OSError(f"{name}: cannot open shared object file")


def test_a_machine_without_a_card_says_what_was_looked_for(tmp_path: Path) -> None:
    lack = str(find_missing(root=machine(tmp_path)))
    assert "no GPU is visible here: no /dev/nvidiactl, no driver" in lack
    assert "this machine has no NVIDIA card" in lack
    assert "--device cpu" in lack


def test_a_card_without_a_driver(tmp_path: Path) -> None:
    lack = str(find_missing(root=machine(tmp_path, card=True)))
    assert "no driver is loaded" in lack
    assert "Install the NVIDIA driver" in lack


@pytest.mark.parametrize(
    ("files", "card"), [([".dockerenv"], True), (["run/.containerenv", "proc/driver/nvidia/x"], False)]
)
def test_a_container_without_the_device(tmp_path: Path, files: list[str], *, card: bool) -> None:
    lack = str(find_missing(root=machine(tmp_path, *files, card=card)))
    assert "this container was started without it" in lack
    assert "docker run --gpus all" in lack


def test_a_container_on_a_machine_without_a_card(tmp_path: Path) -> None:
    assert "this container sees no NVIDIA card" in str(find_missing(root=machine(tmp_path, ".dockerenv")))


def test_a_driver_without_its_device_files(tmp_path: Path) -> None:
    assert "`nvidia-smi`, run once as root" in str(find_missing(root=machine(tmp_path, "proc/driver/nvidia/version")))


def test_a_gpu_of_another_number(tmp_path: Path) -> None:
    root = machine(tmp_path, "dev/nvidiactl", "dev/nvidia0", "dev/nvidia-uvm")
    assert str(find_missing(1, root=root, load=str)) == (
        "there is no GPU 1 (/dev has 1). Name one that there is (gpu:0), or give the container more of them."
    )


@pytest.mark.parametrize(("mark", "fix"), [("x", "user libraries"), (".dockerenv", "Container Toolkit")])
def test_a_device_without_the_drivers_library(tmp_path: Path, mark: str, fix: str) -> None:
    root = machine(tmp_path, "dev/nvidiactl", "dev/nvidia0", mark)
    lack = str(find_missing(root=root, load=cannot_load))
    assert "libcuda.so.1: cannot open shared object file" in lack
    assert fix in lack


def test_nothing_is_missing_where_all_is_there(tmp_path: Path) -> None:
    assert find_missing(root=machine(tmp_path, "dev/nvidiactl", "dev/nvidia0"), load=str) is None


@pytest.mark.parametrize(
    ("capability", "built_for", "fits"),
    [
        ((9, 0), ["sm_60", "sm_90"], True),
        ((8, 6), ["sm_80", "compute_90"], True),
        ((12, 0), ["sm_80", "sm_90", "compute_90"], False),
        ((7, 0), ["sm_75"], False),
        ((9, 0), [], True),
    ],
)
def test_kernels_are_those_of_the_chips_own_generation(
    capability: tuple[int, int], built_for: list[str], *, fits: bool
) -> None:
    assert (missing_kernels(capability, built_for) is None) is fits


def test_the_gpu_is_described_by_its_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda _name: "/usr/bin/nvidia-smi")
    text = "Test GPU, 570.1, 9.0, 81559, 1980, 1980, Enabled\n"
    known = describe_gpu(0, lambda words, **_options: subprocess.CompletedProcess(words, 0, stdout=text, stderr=""))
    assert known == dict(zip(FIELDS, ["Test GPU", "570.1", "9.0", "81559", "1980", "1980", "Enabled"], strict=True))


def test_a_driver_that_says_nothing_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda _name: "/usr/bin/nvidia-smi")

    def hang(words: list[str], **_options: object) -> NoReturn:
        raise subprocess.TimeoutExpired(words, 20)

    assert describe_gpu(0, hang) == {}
    failed = subprocess.CompletedProcess(["x"], 9, stdout="No devices were found\n", stderr="")
    assert describe_gpu(0, lambda _words, **_options: failed) == {}
    monkeypatch.setattr("shutil.which", lambda _name: None)
    assert describe_gpu() == {}


@pytest.mark.parametrize(
    ("nodes", "fault"),
    [
        ({"CUDAExecutionProvider": 4}, None),
        ({"CUDAExecutionProvider": 3, "CPUExecutionProvider": 1}, "1 by CPUExecutionProvider"),
        ({"CPUExecutionProvider": 4}, "4 by CPUExecutionProvider"),
        ({}, "nobody knows by what"),
    ],
)
def test_a_row_whose_nodes_ran_elsewhere_is_refused(nodes: dict[str, int], fault: str | None) -> None:
    faults = device_faults(nodes, Device("gpu", 1, 0))
    assert faults == ([] if fault is None else [f"claimed gpu:0, but nodes ran elsewhere: {fault}"])
