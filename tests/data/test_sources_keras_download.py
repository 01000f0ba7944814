"""Keras's own cache and its server: what is taken from them, and what is refused."""

from __future__ import annotations

import io
import threading
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest

from bench.data.datasets import load_dataset
from bench.data.sources import UnavailableError, keras_download
from bench.errors import DensebenchError
from tests.fake_data import ARRAYS, GOOD, IMAGES, LABELS, PACKED, assert_is, make_npz, write_files
from tests.fake_machine import World, fill, refuse


def test_keras_own_cache_is_used_before_its_server(world: World) -> None:
    write_files(world.keras / "fashion-mnist", "fashion_mnist")
    assert load_dataset("fashion_mnist").source == "Keras download"
    assert world.server.asked == []


def test_keras_own_cache_lies_in_the_home_directory_unless_moved(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("KERAS_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    write_files(tmp_path / ".keras" / "datasets" / "fashion-mnist", "fashion_mnist")
    assert load_dataset("fashion_mnist").source == "Keras download"
    assert world.server.asked == []


def test_mnist_comes_as_one_npz(world: World) -> None:
    world.server.hold("mnist")
    assert_is(load_dataset("mnist"), "mnist")
    assert world.server.asked == ["HEAD mnist.npz", "GET mnist.npz"]
    assert world.cached() == PACKED


def test_mnist_comes_out_of_keras_own_cache(world: World) -> None:
    world.keras.mkdir(parents=True)
    (world.keras / "mnist.npz").write_bytes(make_npz())
    assert_is(load_dataset("mnist"), "mnist")
    assert world.server.asked == []


def test_a_damaged_file_in_keras_own_cache_is_left_there_and_downloaded_anew(world: World) -> None:
    write_files(world.keras / "fashion-mnist", "fashion_mnist")
    path = world.keras / "fashion-mnist" / f"{IMAGES}.gz"
    path.write_bytes(GOOD[:-20])
    fill(world, "Keras download")
    assert_is(load_dataset("fashion_mnist"), "fashion_mnist")
    assert path.read_bytes() == GOOD[:-20]


class Trap:
    """An object whose unpickling would be noticed."""

    def __reduce__(self) -> tuple[Callable[..., NoReturn], tuple[str]]:
        return refuse, ("unpickled",)


def test_an_npz_with_a_pickled_object_is_refused_and_not_unpickled(world: World) -> None:
    world.server.files = {"mnist.npz": make_npz(x_train=np.array([Trap()], dtype=object))}
    with pytest.raises(DensebenchError, match=r"is no npz file of uint8 arrays .*allow_pickle=False"):
        load_dataset("mnist")
    assert world.cached() == []


NPY = io.BytesIO()
np.save(NPY, ARRAYS["mnist"][0])
TEXTS = io.BytesIO()
with zipfile.ZipFile(TEXTS, "w") as archive:
    archive.writestr("x_train", "no array")
ENCRYPTED = bytearray(make_npz())
ENCRYPTED[ENCRYPTED.index(b"PK\x01\x02") + 8] |= 1  # the flag in the archive's list of its first member


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "is no npz file of uint8 arrays"),
        (b"<html>", "is no npz file of uint8 arrays"),
        (NPY.getvalue(), "is no npz file of uint8 arrays"),
        (TEXTS.getvalue(), r"is no npz file of uint8 arrays \(IDX files here hold uint8, found"),
        (bytes(ENCRYPTED), r"is no npz file of uint8 arrays \(.*encrypted"),
        (make_npz()[:-50], "is no npz file of uint8 arrays"),
        (make_npz(x_train=np.zeros((5, 28, 28))), "IDX files here hold uint8, found float64"),
        (make_npz(y_test=np.zeros(3, np.uint8)), "has another checksum"),
    ],
    ids=["empty", "html", "npy", "texts", "encrypted", "truncated", "float", "altered"],
)
def test_an_npz_with_other_content_is_refused(world: World, content: bytes, problem: str) -> None:
    world.server.files = {"mnist.npz": content}
    with pytest.raises(DensebenchError, match=problem):
        load_dataset("mnist")
    assert world.cached() == []


def test_altered_bytes_from_the_server_are_refused(world: World) -> None:
    fill(world, "Keras download")
    world.server.files[f"{LABELS}.gz"] = GOOD
    with pytest.raises(
        DensebenchError, match=r"Keras download: .*holds fashion_mnist's train-images-idx3-ubyte instead"
    ):
        load_dataset("fashion_mnist")
    assert world.cached() == []


def test_a_server_that_cannot_be_reached_is_asked_once(world: World) -> None:
    with pytest.raises(DensebenchError):
        load_dataset("fashion_mnist")
    assert world.server.asked == [f"HEAD {IMAGES}.gz"]


def test_a_silent_server_is_given_up(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keras_download, "_PROBE_LIMIT_S", 0.01)
    answer = threading.Event()

    def keep_silent(_request: str) -> None:
        answer.wait(60)

    world.server.before_answer = keep_silent
    with pytest.raises(DensebenchError, match=r"no answer within 0.01 s"):
        load_dataset("mnist")
    answer.set()


@pytest.mark.parametrize("problem", [UnavailableError, KeyboardInterrupt])
def test_a_download_that_breaks_off_leaves_nothing_behind(world: World, problem: type[BaseException]) -> None:
    fill(world, "Keras download")

    def break_off(request: str) -> None:
        if request == f"GET {LABELS}.gz":
            raise problem("broken off")

    world.server.before_answer = break_off
    with pytest.raises((DensebenchError, KeyboardInterrupt), match="broken off"):
        load_dataset("fashion_mnist")
    assert world.cached() == []
