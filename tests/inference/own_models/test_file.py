"""What `--model` names, and what is refused before any of it runs."""

from __future__ import annotations

import json
import pickle
import zipfile
from pathlib import Path
from typing import Any

import pytest

from bench.errors import DensebenchError
from bench.inference.own_models.file import ModelFile, model_from_request, parse_model, parse_models

DENSE = {"module": "keras.layers", "class_name": "Dense", "config": {"units": 3, "activation": "relu"}}


def keras_archive(path: Path, *parts: Any, **more: bytes) -> Path:
    """An archive as Keras saves it, with these parts in its configuration and these files beside it."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("config.json", json.dumps({"class_name": "Sequential", "config": {"layers": list(parts)}}))
        for name, content in more.items():
            archive.writestr(name, content)
    return path


def parse(word: object, *, trusted: bool = False) -> ModelFile:
    return parse_model(str(word), trusted=trusted, shapes={})


def test_a_file_is_called_as_the_user_calls_it_or_by_its_own_name(tmp_path: Path) -> None:
    path = keras_archive(tmp_path / "cnn.keras", DENSE)
    assert parse(path).name == "cnn"
    named = parse(f"mine={path}")
    assert (named.name, named.kind, named.path) == ("mine", "keras", str(path))
    assert model_from_request(named.as_request()) == named
    assert len(named.sha256) == 64


@pytest.mark.parametrize(
    ("word", "reason"),
    [
        ("nothing.keras", "there is no 'nothing.keras'"),
        ("deep_mlp={cnn}", "is a model of the ladder"),
        ("{folder}", "a folder without saved_model.pb"),
        ("{folder}/model.txt", "'.txt' is none|.txt is none"),
        ("{folder}/torn.keras", "no file that Keras has saved"),
        ("{folder}/text.h5", "does not begin as an HDF5 file does"),
        ("{folder}/real.h5", "an HDF5 file may hold code.*Nothing was run.*--trust"),
        ("{folder}/old.keras", "an HDF5 file may hold code.*--trust"),
        ("{folder}/saved", "a SavedModel may hold code.*--trust"),
        ("{folder}/text.onnx", "no ONNX file"),
        ("{folder}/empty.onnx", "no ONNX file"),
    ],
)
def test_what_is_no_model_or_may_be_code_is_refused_in_one_line(tmp_path: Path, word: str, reason: str) -> None:
    cnn = keras_archive(tmp_path / "cnn.keras", DENSE)
    (tmp_path / "model.txt").touch()
    (tmp_path / "torn.keras").write_bytes(cnn.read_bytes()[:100])
    (tmp_path / "text.h5").write_text("no model", encoding="utf-8")
    (tmp_path / "real.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    (tmp_path / "old.keras").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    (tmp_path / "saved").mkdir()
    (tmp_path / "saved" / "saved_model.pb").touch()
    (tmp_path / "text.onnx").write_text("no model", encoding="utf-8")
    (tmp_path / "empty.onnx").touch()
    with pytest.raises(DensebenchError, match=reason) as raised:
        parse(word.format(folder=tmp_path, cnn=cnn))
    assert "\n" not in str(raised.value)


def test_trust_opens_what_may_be_code(tmp_path: Path) -> None:
    (tmp_path / "real.h5").write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(100))
    assert parse(tmp_path / "real.h5", trusted=True).trusted


@pytest.mark.parametrize(
    ("part", "named"),
    [
        ({"module": "keras.layers", "class_name": "Lambda", "config": {}}, "a Lambda"),
        ({"class_name": "__lambda__", "config": {"code": "4wAAA"}}, "a __lambda__"),
        ({"module": "keras.models", "class_name": "function", "config": "model_from_json"}, "a function"),
        ({"module": "os", "class_name": "system", "config": "true"}, "os.system"),
        ({"module": "builtins", "class_name": "exec", "config": "1"}, "builtins.exec"),
        ({"module": "kerasx.layers", "class_name": "Dense", "config": {}}, "kerasx.layers.Dense"),
    ],
)
def test_code_in_a_configuration_needs_trust_wherever_it_stands(tmp_path: Path, part: Any, named: str) -> None:
    hidden = {**DENSE, "config": {"units": 3, "kernel_initializer": {"inner": [part]}}}
    path = keras_archive(tmp_path / "model.keras", hidden)
    with pytest.raises(DensebenchError, match=f"names {named}, which is code.*--trust"):
        parse(path)
    assert parse(path, trusted=True).trusted


@pytest.mark.parametrize("name", ["../outside", "/etc/outside", "a/../../outside", "C:/outside", "..\\outside"])
def test_an_archive_that_would_write_outside_is_refused_even_if_trusted(tmp_path: Path, name: str) -> None:
    path = keras_archive(tmp_path / "model.keras", DENSE, **{name: b""})
    with pytest.raises(DensebenchError, match="a path outside of it"):
        parse(path, trusted=True)


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({"batch_shape": [None, 23170, 23170]}, "declares an input of .*2,147,395,600 bytes"),
        ({"batch_input_shape": [None, 10**6, 10**6]}, "declares an input"),
        ({"units": 2**31}, "declares units of 2,147,483,648"),
    ],
)
def test_what_declares_more_than_memory_is_refused(tmp_path: Path, config: Any, reason: str) -> None:
    path = keras_archive(tmp_path / "model.keras", {"class_name": "Dense", "config": config})
    with pytest.raises(DensebenchError, match=reason):
        parse(path)


def test_a_pickle_is_no_configuration(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "model.keras", "w") as archive:
        archive.writestr("config.json", pickle.dumps({"class_name": "Sequential"}))
    with pytest.raises(DensebenchError, match="no file that Keras has saved"):
        parse(tmp_path / "model.keras")


def test_two_models_have_two_names(tmp_path: Path) -> None:
    path = keras_archive(tmp_path / "model.keras", DENSE)
    with pytest.raises(DensebenchError, match="there is another 'model'"):
        parse_models([str(path), str(path)], trusted=False, shapes={})
    named = parse_models([str(path), "deep_mlp", f"other={path}"], trusted=False, shapes={})
    assert (named.names, list(named.files)) == (("model", "deep_mlp", "other"), ["model", "other"])
