"""The chain of sources: which one delivers, what is kept of it, and what the probes of all say."""

from __future__ import annotations

import pytest

from bench.data.datasets import load_dataset, probe_sources
from bench.errors import DensebenchError
from tests.fake_data import IMAGES, PACKED, assert_is
from tests.fake_machine import TITLES, World, fill


@pytest.mark.parametrize("title", TITLES)
def test_each_source_alone_delivers_the_data_and_is_named(world: World, title: str) -> None:
    world.named.mkdir()
    fill(world, title)
    dataset = load_dataset("fashion_mnist", world.named)
    assert_is(dataset, "fashion_mnist")
    assert dataset.source == title


@pytest.mark.parametrize("first", range(len(TITLES)))
def test_the_first_source_of_the_chain_that_has_the_data_is_used(world: World, first: int) -> None:
    world.named.mkdir()
    for title in TITLES[first:]:
        fill(world, title)
    assert load_dataset(None, world.named).source == TITLES[first]


@pytest.mark.parametrize("title", ["Debian package", "Keras download", "apt-get download"])
def test_what_was_fetched_is_kept_in_the_cache(world: World, title: str) -> None:
    fill(world, title)
    fetched = load_dataset("fashion_mnist")
    assert world.cached() == PACKED
    again = load_dataset("fashion_mnist")
    assert (again.source, again.sha256) == ("cache", fetched.sha256)


def test_the_users_directory_is_not_copied_into_the_cache(world: World) -> None:
    fill(world, "data directory")
    load_dataset("fashion_mnist", world.named)
    assert world.cached() == []


def test_mnist_is_not_looked_for_in_debian(world: World) -> None:
    world.programs = {"apt-get", "dpkg-deb"}
    with pytest.raises(DensebenchError) as caught:
        load_dataset("mnist")
    assert str(caught.value).count("Debian has no package of mnist") == 2
    assert "apt-get install" not in str(caught.value)
    assert world.apt.commands == []


def test_the_probes_report_every_source_in_the_order_of_the_chain(world: World) -> None:
    for title in TITLES:
        fill(world, title)
    reports = probe_sources("fashion_mnist", world.named)
    assert [report.source for report in reports] == TITLES
    assert all(report.available for report in reports)
    assert world.server.asked == [f"HEAD {IMAGES}.gz"]
    assert world.apt.commands == [["apt-cache", "policy", "dataset-fashion-mnist"]]


@pytest.mark.parametrize("name", ["fashion_mnist", "mnist"])
def test_the_probes_say_why_nothing_is_there(world: World, name: str) -> None:
    reports = probe_sources(name, world.named)
    assert [report.source for report in reports] == TITLES
    assert not any(report.available for report in reports)
    assert all(report.detail for report in reports)


def test_the_probes_change_nothing(world: World) -> None:
    fill(world, "cache")
    fill(world, "Keras download")
    path = world.cache / "fashion-mnist" / f"{IMAGES}.gz"
    path.write_bytes(b"damaged")
    assert not probe_sources("fashion_mnist")[1].available
    assert path.read_bytes() == b"damaged"
