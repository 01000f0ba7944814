"""The Debian package through apt-get: how it is run, and every way in which it fails."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.data.datasets import load_dataset, probe_sources
from bench.data.sources import debian_download
from bench.errors import DensebenchError
from tests.fake_machine import World, fill


def test_apt_works_in_a_directory_of_its_own_and_leaves_nothing_there(world: World) -> None:
    fill(world, "apt-get download")
    load_dataset("fashion_mnist")
    assert [command[-2:] for command in world.apt.commands] == [
        ["apt.conf", "update"],
        ["download", "dataset-fashion-mnist"],
        ["dataset-fashion-mnist_0.1-1_all.deb", "unpacked"],
    ]
    assert not world.apt.folder.exists()


def test_apt_is_kept_away_from_the_systems_directories_and_hooks(tmp_path: Path) -> None:
    lines = debian_download._APT_CONFIG.format(folder=tmp_path).splitlines()
    for part in ("Dir::State", "Dir::State::lists", "Dir::State::status", "Dir::Cache"):
        assert any(line.startswith(f'{part} "{tmp_path}') for line in lines)
    assert "#clear APT::Update::Post-Invoke;" in lines


def test_a_failed_update_alone_does_not_stop_the_download(world: World) -> None:
    fill(world, "apt-get download")
    world.apt.failures = {"update": "E: The repository 'http://other' is gone"}
    assert load_dataset("fashion_mnist").source == "apt-get download"


@pytest.mark.parametrize(
    ("failures", "reason"),
    [
        ({"download": "W: x\nE: Unable to locate package\n"}, "failed: E: Unable to locate package; .* said: nothing"),
        (
            {"update": "W: Failed to fetch http://a\nW: Some failed", "download": "E: Unable"},
            "E: Unable; apt-get update before it said: W: Failed to fetch http://a",
        ),
        ({"download": ""}, "failed: nothing"),
        ({"unpack": "dpkg-deb: error: no space left"}, "dpkg-deb -x .* failed: dpkg-deb: error: no space left"),
        ({"update": "hang"}, "apt-get -c apt.conf update was stopped after 120 s"),
        ({"download": "hang"}, "download dataset-fashion-mnist was stopped after 300 s"),
        ({"unpack": "hang"}, "dpkg-deb -x .* was stopped after 60 s"),
    ],
)
def test_apts_failure_is_one_line_and_leaves_nothing(world: World, failures: dict[str, str], reason: str) -> None:
    fill(world, "apt-get download")
    world.apt.failures = failures
    with pytest.raises(DensebenchError, match=f"apt-get download: .*{reason}"):
        load_dataset("fashion_mnist")
    assert not world.apt.folder.exists()
    assert world.cached() == []


def test_a_machine_without_dpkg_deb_is_passed_over(world: World) -> None:
    world.programs = {"apt-get"}
    with pytest.raises(DensebenchError, match="this machine has no dpkg-deb"):
        load_dataset("fashion_mnist")
    assert world.apt.commands == []


def test_a_package_that_apt_does_not_know_is_reported(world: World) -> None:
    world.programs = {"apt-get", "dpkg-deb"}
    world.apt.policy = "N: Unable to locate package\n"
    report = probe_sources("fashion_mnist")[-1]
    assert not report.available
    assert "do not name dataset-fashion-mnist" in report.detail
