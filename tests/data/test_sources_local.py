"""The sources on this machine: the named directory, the cache and the installed Debian package."""

from __future__ import annotations

import gzip
import hashlib
import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from bench.data.datasets import load_dataset
from bench.data.sources import CHECKSUMS
from bench.data.sources.local import store
from bench.errors import DensebenchError
from tests.fake_data import ALTERED, DAMAGES, IMAGES, LABELS, PACKED, RAW, assert_is, write_files
from tests.fake_machine import World, fill

# 1. The directory that the user named.


def test_the_environment_variable_names_the_directory(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(world, "data directory")
    monkeypatch.setenv("DENSEBENCH_DATA", str(world.named))
    assert load_dataset("fashion_mnist").source == "data directory"


def test_an_empty_environment_variable_names_no_directory(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(world, "cache")
    monkeypatch.setenv("DENSEBENCH_DATA", "")
    assert load_dataset("fashion_mnist").source == "cache"


def test_the_argument_counts_more_than_the_environment_variable(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(world, "data directory")
    monkeypatch.setenv("DENSEBENCH_DATA", str(world.named / "elsewhere"))
    assert load_dataset("fashion_mnist", world.named).source == "data directory"


@pytest.mark.parametrize("name", ["fashion_mnist", None])
def test_a_named_directory_that_does_not_exist_stops_the_run(
    world: World, monkeypatch: pytest.MonkeyPatch, name: str | None
) -> None:
    fill(world, "cache")
    monkeypatch.setenv("DENSEBENCH_DATA", str(world.named))
    with pytest.raises(DensebenchError, match=r"DENSEBENCH_DATA names '.*named'.*holds fashion-mnist/ and mnist/"):
        load_dataset(name)


def test_a_file_in_place_of_the_named_directory_stops_the_run(world: World) -> None:
    world.named.touch()
    with pytest.raises(DensebenchError, match=r"--data-dir names .* no directory"):
        load_dataset("mnist", world.named)


def test_unpacked_files_are_taken_too(world: World) -> None:
    write_files(world.named / "mnist", "mnist", packed=False)
    assert_is(load_dataset("mnist", world.named), "mnist")


def test_a_named_directory_that_lacks_a_file_is_noted_and_the_next_source_used(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "densebench")
    fill(world, "data directory")
    (world.named / "fashion-mnist" / f"{LABELS}.gz").unlink()
    fill(world, "cache")
    assert load_dataset("fashion_mnist", world.named).source == "cache"
    assert f"lacks {LABELS}.gz" in caplog.text


@pytest.mark.parametrize(("content", "problem"), DAMAGES.values(), ids=DAMAGES.keys())
@pytest.mark.parametrize("name", ["fashion_mnist", None])
def test_a_damaged_file_in_the_named_directory_stops_the_run(
    world: World, content: bytes, problem: str, name: str | None
) -> None:
    fill(world, "data directory")
    fill(world, "cache")
    path = world.named / "fashion-mnist" / f"{IMAGES}.gz"
    path.write_bytes(content)
    with pytest.raises(DensebenchError) as caught:
        load_dataset(name, world.named)
    assert str(caught.value).startswith(f"{path} ")
    assert problem in str(caught.value)
    assert path.read_bytes() == content


def test_a_wrong_checksum_is_shown_beside_the_right_one(world: World) -> None:
    write_files(world.named / "mnist", "mnist", packed=False)
    (world.named / "mnist" / IMAGES).write_bytes(ALTERED)
    with pytest.raises(DensebenchError) as caught:
        load_dataset("mnist", world.named)
    assert f"expected: {CHECKSUMS['mnist'][IMAGES]}" in str(caught.value)
    assert f"found: {hashlib.sha256(ALTERED).hexdigest()}" in str(caught.value)


def test_a_damaged_file_stops_the_run_even_where_others_are_missing(world: World) -> None:
    fill(world, "data directory")
    (world.named / "fashion-mnist" / f"{LABELS}.gz").unlink()
    (world.named / "fashion-mnist" / f"{IMAGES}.gz").write_bytes(b"")
    with pytest.raises(DensebenchError, match="is not a gzip file"):
        load_dataset("fashion_mnist", world.named)


def test_a_file_that_cannot_be_read_stops_the_run(world: World) -> None:
    (world.named / "mnist" / f"{IMAGES}.gz").mkdir(parents=True)
    with pytest.raises(DensebenchError, match="cannot be read"):
        load_dataset("mnist", world.named)


# 2. The cache.


@pytest.mark.parametrize(("content", "problem"), DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_file_in_the_cache_is_removed_reported_and_fetched_again(
    world: World, caplog: pytest.LogCaptureFixture, content: bytes, problem: str
) -> None:
    fill(world, "cache")
    path = world.cache / "fashion-mnist" / f"{IMAGES}.gz"
    path.write_bytes(content)
    fill(world, "Keras download")
    assert load_dataset("fashion_mnist").source == "Keras download"
    assert f"removing a damaged file from the cache: {path} " in caplog.text
    assert problem in caplog.text
    assert load_dataset("fashion_mnist").source == "cache"


def test_a_damaged_file_leaves_the_cache_even_where_nothing_replaces_it(world: World) -> None:
    fill(world, "cache")
    (world.cache / "fashion-mnist" / f"{IMAGES}.gz").write_bytes(b"damaged")
    assert load_dataset(None).name == "digits"
    assert world.cached() == [file for file in PACKED if file != f"{IMAGES}.gz"]


def test_a_damaged_file_that_cannot_be_removed_does_not_stop_the_run(world: World) -> None:
    (world.cache / "fashion-mnist" / f"{IMAGES}.gz").mkdir(parents=True)
    fill(world, "Keras download")
    assert load_dataset("fashion_mnist").source == "Keras download"


def test_a_cache_that_cannot_be_written_is_noted_and_the_data_used(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    world.cache.parent.touch()  # a file where the directory should be made
    fill(world, "Keras download")
    assert_is(load_dataset("fashion_mnist"), "fashion_mnist")
    assert "fashion_mnist is fine, but could not be kept in the cache" in caplog.text


def stop_writing(problem: type[BaseException]) -> Callable[..., NoReturn]:
    def stop(*_arguments: object) -> NoReturn:
        raise problem("stopped")

    return stop


def test_a_full_disk_leaves_no_half_written_file(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(world, "Keras download")
    monkeypatch.setattr(Path, "replace", stop_writing(OSError))
    assert_is(load_dataset("fashion_mnist"), "fashion_mnist")
    assert world.cached() == []


def test_an_interrupted_write_leaves_no_half_written_file(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(world, "Keras download")
    monkeypatch.setattr(Path, "replace", stop_writing(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        load_dataset("fashion_mnist")
    assert world.cached() == []


def test_the_cached_bytes_do_not_depend_on_the_time_of_writing(world: World) -> None:
    store("mnist", RAW["mnist"])
    first = (world.cache / "mnist" / f"{IMAGES}.gz").read_bytes()
    assert first[4:8] == b"\x00\x00\x00\x00"  # the time in gzip's header
    assert gzip.decompress(first) == RAW["mnist"][IMAGES]


def test_two_that_fill_the_cache_at_once_both_succeed(world: World) -> None:
    threads = [threading.Thread(target=store, args=("mnist", RAW["mnist"])) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert world.cached() == PACKED
    assert load_dataset("mnist").source == "cache"


# 3. The installed Debian package.


def test_a_damaged_file_of_the_package_is_passed_over(world: World) -> None:
    fill(world, "Debian package")
    (world.debian / f"{IMAGES}.gz").write_bytes(b"")
    with pytest.raises(DensebenchError, match=r"Debian package: .*train-images-idx3-ubyte.gz is not a gzip file"):
        load_dataset("fashion_mnist")
    assert (world.debian / f"{IMAGES}.gz").exists()
