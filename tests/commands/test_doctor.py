from __future__ import annotations

import os
from pathlib import Path
from types import SimpleNamespace

import pytest

from bench.commands import doctor
from bench.data.datasets import DATASETS, SourceReport
from bench.errors import DensebenchError
from bench.host.interference import interference, take_snapshot


@pytest.fixture(autouse=True)
def no_network_and_no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "WATCH_S", 0.0)
    reports = [
        SourceReport("cache", available=True, detail="4 files"),
        SourceReport("server", available=False, detail="no answer"),
    ]
    monkeypatch.setattr(doctor, "probe_sources", lambda _name, _data_dir: reports)
    device = SimpleNamespace(name="/physical_device:CPU:0")
    config = SimpleNamespace(list_physical_devices=lambda: [device])
    monkeypatch.setattr(doctor, "import_tensorflow", lambda: SimpleNamespace(__version__="2.99", config=config))


def test_the_doctor_tells_of_devices_packages_noise_and_every_source() -> None:
    lines = list(doctor.examine(None))
    assert {"Machine", "Devices", "Packages", "Noise"} <= set(lines)
    assert "  TensorFlow 2.99 sees: CPU:0" in lines
    assert [line for line in lines if line.startswith("Data set")] == [f"Data set {name}" for name in DATASETS]
    assert lines.count("  yes cache: 4 files") == lines.count("  no  server: no answer") == len(DATASETS)


def test_the_doctor_survives_a_machine_without_tensorflow(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise DensebenchError("TensorFlow cannot be imported (No module named 'tensorflow').")

    monkeypatch.setattr(doctor, "import_tensorflow", missing)
    assert any("TensorFlow cannot be imported" in line for line in doctor.examine(None))


def test_a_busy_machine_is_called_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "getloadavg", lambda: (99.0, 99.0, 99.0))
    assert any("something else is running" in line for line in doctor.examine(None))


def test_stolen_time_is_a_difference_and_unknown_where_it_is_not_told(tmp_path: Path) -> None:
    ticks = [tmp_path / name for name in ("before", "after")]
    for path, steal in zip(ticks, (100, 350), strict=True):
        path.write_text(f"cpu  1 2 3 4 5 6 7 {steal} 0 0\ncpu0 1 2\n", encoding="ascii")
    before, after = (take_snapshot(path) for path in ticks)
    assert interference(before, after)["steal_s"] == pytest.approx(2.5)
    assert interference(before, take_snapshot(tmp_path / "missing"))["steal_s"] is None
