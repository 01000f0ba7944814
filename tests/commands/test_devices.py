"""The suite on each device, and the table across them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from bench.__main__ import main, parse
from bench.commands import devices
from bench.commands.devices import select_devices
from bench.errors import DensebenchError
from bench.host.gpu import MissingRequirement
from bench.records.record import RunReader
from bench.report.pages.devices import devices_caption, devices_table, select_device_runs
from tests.fake_runs import infer_row, refuse, run_content, train_row


@pytest.fixture(autouse=True)
def four_cpus_and_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.host.devices.available_threads", lambda: 4)
    monkeypatch.setattr(devices, "available_threads", lambda: 4)
    monkeypatch.setattr(devices, "count_gpus", lambda: 0)


def store(results: Path, device: str, threads: int, factor: float, **metadata: Any) -> None:
    rows = [
        train_row(values_s=(10.0 * factor,) * 3, device=device, placed_on=["CPU:0"] * 3),
        infer_row(values_s=(8e-6 * factor,) * 3, threads=threads, device=device, nodes={"CPUExecutionProvider": 4}),
        infer_row(values_s=(1e-3 * factor,) * 3, batch_size=1000, threads=threads, device=device),
    ]
    folder = results / "raw" / "machine"
    folder.mkdir(parents=True, exist_ok=True)
    content = run_content(rows, device=device, threads=threads, **metadata)
    (folder / f"{len(list(folder.iterdir()))}.json").write_text(json.dumps(content), encoding="utf-8")


def test_each_device_is_held_against_one_thread(tmp_path: Path) -> None:
    store(tmp_path, "cpu", 2, 0.5)
    store(tmp_path, "cpu:1", 1, 1.0)
    rows = [
        line.split("|") for line in devices_table(select_device_runs(RunReader().read_folder(tmp_path)[0])).splitlines()
    ]
    one, all_cores = ([cell.strip() for cell in row] for row in rows[2:])
    assert one[1:4] == ["deep_mlp", "tensorflow", "cpu:1"]
    assert one[5:9] == ["9,600 (1.0×)", "8.00 µs (1.0×)", "1,000,000 (1.0×)", "CPU:0; 4 by CPUExecutionProvider"]
    assert all_cores[5:8] == ["19,200 (2.0×)", "4.00 µs (2.0×)", "2,000,000 (2.0×)"]


def test_the_caption_has_the_commands_that_make_all_its_runs(tmp_path: Path) -> None:
    for backend, options in (("tensorflow", ""), ("jax", ""), ("torch", " --seeds=5")):
        for device, threads in (("cpu:1", 1), ("cpu", 2)):
            command = f"pytest bench/ --benchmark-only --backend={backend} --device={device}{options}"
            store(tmp_path, device, threads, 1.0, backend=backend, command=command)
    caption = devices_caption(select_device_runs(RunReader().read_folder(tmp_path)[0]))
    assert "`python -m bench devices --device all --backend tensorflow,jax`" in caption
    assert "`python -m bench devices --device all --backend torch -- --seeds=5`" in caption
    assert caption.count("`python -m bench devices") == 2


def test_a_row_that_ran_elsewhere_is_invalid_and_no_base(tmp_path: Path) -> None:
    store(tmp_path, "cpu:1", 1, 1.0)
    fault = "claimed gpu:0, but nodes ran elsewhere: 4 by CPUExecutionProvider"
    row = infer_row(threads=2, device="gpu:0")
    content = run_content(
        [train_row(device="gpu:0")], device="gpu:0", invalid=[refuse(row, fault)], cases_planned=["train[deep_mlp]"]
    )
    (tmp_path / "raw" / "machine" / "gpu.json").write_text(json.dumps(content), encoding="utf-8")
    table = devices_table(select_device_runs(RunReader().read_folder(tmp_path)[0]))
    assert "| INVALID |" in " ".join(table.splitlines()[-1].split())


def test_runs_of_other_machines_parts_of_runs_and_quick_ones_are_left_out(tmp_path: Path) -> None:
    store(tmp_path, "cpu:1", 1, 1.0)
    store(tmp_path, "cpu", 2, 1.0, quick=True)
    store(tmp_path, "cpu", 2, 1.0, complete=False)
    store(tmp_path, "cpu", 2, 1.0, machine={"name": "another"})
    assert [run.device for run in select_device_runs(RunReader().read_folder(tmp_path)[0])] == ["cpu:1"]


def test_all_devices_are_those_that_can_be_used(monkeypatch: pytest.MonkeyPatch) -> None:
    assert select_devices("all") == ["cpu:1", "cpu"]
    monkeypatch.setattr(devices, "count_gpus", lambda: 2)
    monkeypatch.setattr(
        devices, "find_missing", lambda index: MissingRequirement("it is broken.", "Mend it.") if index else None
    )
    assert select_devices("all") == ["cpu:1", "cpu", "gpu:0"]
    assert select_devices("cpu:1, cpu:1,gpu") == ["cpu:1", "gpu:0"]
    with pytest.raises(DensebenchError, match=r"device 'gpu:1': it is broken\. Mend it\."):
        select_devices("cpu,gpu:1")


def test_backends_are_those_that_are_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "torch" else object())
    assert devices.select_backends("all") == ["tensorflow", "jax"]
    assert devices.select_backends("jax,jax") == ["jax"]
    for text, message in (("torch", "not installed: torch"), ("theano", "unknown backend"), ("", "names no backend")):
        with pytest.raises(DensebenchError, match=message):
            devices.select_backends(text)


@pytest.mark.parametrize("text", ["", " , ", "tpu", "cpu:9"])
def test_wrong_devices_are_refused_before_anything_runs(text: str) -> None:
    with pytest.raises(DensebenchError):
        select_devices(text)


def test_each_device_has_a_process_of_its_own_and_a_failure_stops_no_other(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    started: list[Sequence[str]] = []

    def start(command: Sequence[str]) -> int:
        started.append(command[1:])
        device = command[6].partition("=")[2]
        store(tmp_path, device, 1 if device == "cpu:1" else 4, 1.0)
        return int(device == "cpu:1")

    words = ["devices", "--results", str(tmp_path), "--", "--models", "deep_mlp"]
    arguments = parse(words)
    assert devices.run(arguments, start) == 1
    assert [list(command[:4]) for command in started] == [["-m", "pytest", "bench/", "--benchmark-only"]] * 2
    assert [command[5] for command in started] == ["--device=cpu:1", "--device=cpu"]
    assert started[0][-2:] == ["--models", "deep_mlp"]
    page = (tmp_path / "tables" / "devices.md").read_text(encoding="utf-8")
    out = capsys.readouterr().out
    assert page in out
    assert "tensorflow, cpu:1: the run ended with status 1" in out


def test_a_mistake_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["devices", "--device", "tpu"]) == 4
    assert len(capsys.readouterr().err.splitlines()) == 1
