"""The fixtures that several test modules share."""

from __future__ import annotations

import hashlib
import os
import subprocess
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import platformdirs
import pytest

from bench.data.datasets import DATASETS
from bench.data.sources import CHECKSUMS, keras_download, local
from bench.host.devices import Device, claim_device, start_tensorflow
from tests.fake_data import RAW, TEST, TRAIN
from tests.fake_machine import World, refuse

if TYPE_CHECKING:
    from pathlib import Path


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whatever needs TensorFlow is slow."""
    for item in items:
        if "tf" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session", autouse=True)
def alone() -> None:
    """Some tests start the suite in processes of its own, which must not take themselves for workers of this one."""
    os.environ.pop("PYTEST_XDIST_WORKER", None)


@pytest.fixture(scope="session")
def tf() -> Any:
    """TensorFlow on one CPU thread, as all tests of one process must have it."""
    device = Device("cpu", 1)
    claim_device(device)
    return start_tensorflow(device)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """The fake machine in place of this one, and the fake data in place of the real."""
    machine = World(tmp_path)
    for name, files in RAW.items():
        digests = {file: hashlib.sha256(raw).hexdigest() for file, raw in files.items()}
        monkeypatch.setitem(CHECKSUMS, name, digests)
        monkeypatch.setitem(DATASETS, name, replace(DATASETS[name], sizes=(TRAIN, TEST)))
    monkeypatch.delenv("DENSEBENCH_DATA", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(machine.keras.parent))
    monkeypatch.setattr(platformdirs, "user_cache_path", lambda _name: machine.cache.parent)
    monkeypatch.setattr(local, "DEBIAN_DIR", machine.debian)
    monkeypatch.setattr(keras_download, "_request", machine.server.request)
    monkeypatch.setattr("socket.socket.connect", refuse)
    monkeypatch.setattr("shutil.which", machine.find_program)
    monkeypatch.setattr(subprocess, "run", machine.apt.run)
    return machine
