"""Keras files of kinds that the ladder has not: loaded, answered, exported, trained."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.errors import DensebenchError, Unavailable
from bench.inference.own_models import keras_file
from bench.inference.own_models.answers import Answers, compare
from bench.inference.own_models.certificate import certify
from bench.inference.own_models.file import parse_model
from bench.inference.own_models.survey import read_inputs, survey_file
from bench.trials.subjects import make_subject
from tests.inference.own_models.foreign import FOREIGN, save


@pytest.fixture(scope="module")
def saved(tf: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("foreign")
    for name in FOREIGN:
        save(tf.keras, name, folder)
    return folder


def file_of(folder: Path, name: str) -> Any:
    return parse_model(str(folder / f"{name}.keras"), trusted=False, shapes={})


@pytest.mark.parametrize("name", FOREIGN)
def test_a_foreign_model_answers_as_in_float64_and_so_does_its_export(saved: Path, name: str, tmp_path: Path) -> None:
    file = file_of(saved, name)
    told = survey_file(file, 1, tmp_path)
    assert "failed" not in told
    assert told["reference"] == ""
    assert told["exported"]["faults"] == []
    assert 0 < told["exported"]["own_abs_diff"] < 1e-5
    assert certify(file, {"BASE": tmp_path, "HEAD": tmp_path})["HEAD"]["faults"] == []
    assert told["inputs"]
    assert len(read_inputs(tmp_path / f"{name}.onnx")) == len(told["inputs"].split("), "))


def _few(arrays: Any) -> Any:
    """The first batch."""
    return [one[:32] for one in arrays] if isinstance(arrays, list) else arrays[:32]


@pytest.mark.parametrize("name", FOREIGN)
def test_a_foreign_model_is_trained_on_made_up_data_as_its_loss_takes_it(saved: Path, name: str) -> None:
    subject = make_subject(name, {name: file_of(saved, name)}, None, 1)  # type: ignore[arg-type]  # no data is read
    examples, targets = subject.training_data()
    history = subject.model.fit(_few(examples), _few(targets), batch_size=32, epochs=1, verbose=0).history
    assert np.isfinite(history["loss"]).all()


def test_what_a_saved_model_serves_answers_and_is_not_trained(saved: Path, tf: Any, tmp_path: Path) -> None:
    model = tf.keras.models.load_model(saved / "two_inputs.keras", compile=False)
    model.export(str(tmp_path / "served"), verbose=False)
    file = parse_model(str(tmp_path / "served"), trusted=True, shapes={})
    told = survey_file(file, 1, tmp_path)
    assert "failed" not in told
    assert told["exported"]["faults"] == []
    assert "a SavedModel has no layers" in told["reference"]
    assert told["inputs"].count("float32") == 2
    subject = make_subject("served", {"served": file}, None, 1)  # type: ignore[arg-type]  # no data is read
    assert len(subject.model(subject.batch(3), training=False)) == 2
    with pytest.raises(Unavailable, match="no optimizer and loss"):
        subject.training_data()
    with pytest.raises(Unavailable, match="only what it serves"):
        subject.model.predict(subject.batch(3))
    tf.saved_model.save(tf.Module(), str(tmp_path / "empty"))
    empty = parse_model(str(tmp_path / "empty"), trusted=True, shapes={})
    assert "no signature 'serving_default'" in survey_file(empty, 1, tmp_path)["failed"]


def test_a_planted_weight_is_found_in_another_environment(saved: Path, tmp_path: Path) -> None:
    file, folders = file_of(saved, "mlp_bn"), {}
    for role in ("BASE", "HEAD"):
        folders[role] = tmp_path / role
        folders[role].mkdir()
        survey_file(file, 1, folders[role])
    told = Answers.load(folders["HEAD"] / "mlp_bn.npz")
    Answers([told.own[0] + 1e-4], told.exact, told.exported, told.terms).save(folders["HEAD"] / "mlp_bn.npz")
    found = certify(file, folders)
    assert found["BASE"]["faults"] == []
    assert "answers are off by up to" in found["HEAD"]["faults"][0]
    assert compare(told.own, told)["faults"] == []


def test_what_does_not_load_is_told_and_what_says_no_loss_is_not_trained(saved: Path, tf: Any, tmp_path: Path) -> None:
    plain = tf.keras.Sequential([tf.keras.Input((4,)), tf.keras.layers.Dense(2)])
    plain.save(tmp_path / "plain.keras")
    with pytest.raises(Unavailable, match="no optimizer and loss"):
        make_subject("plain", {"plain": file_of(tmp_path, "plain")}, None, 1).training_data()  # type: ignore[arg-type]
    file = file_of(saved, "cnn")
    Path(tmp_path / "cnn.keras").write_bytes((saved / "cnn.keras").read_bytes()[:-200])
    object.__setattr__(file, "path", str(tmp_path / "cnn.keras"))
    with pytest.raises(DensebenchError, match="does not load: "):
        keras_file.load(file, 1)
    assert survey_file(file, 1, tmp_path)["failed"].startswith("does not load: ")
