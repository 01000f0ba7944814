from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import helper

from bench.commands.predict.model_files import ask, find_model, making_command, read_model
from bench.errors import DensebenchError
from bench.records.run_file import DEFAULT_RESULTS
from models.published import PUBLISHED
from tests.fake_models import FULL, QUICK, linear, write_model

OLD, MIDDLE, NEW = "20261120T235959Z-mnist-cpu-ffffff", "20261121T000000Z-cpu-aaaaaa", "20261121T080000Z-cpu-000000"
IMAGE = np.zeros(784, np.float32)


def export(results: Path, run: str, extra_info: dict[str, str] = FULL, name: str = "deep_mlp") -> Path:
    return write_model(results / "onnx" / run / f"{name}.onnx", extra_info=extra_info)


def test_a_name_means_the_newest_export_of_a_full_run(tmp_path: Path) -> None:
    export(tmp_path, OLD)
    wanted = export(tmp_path, MIDDLE)
    export(tmp_path, NEW, QUICK)
    export(tmp_path, NEW, name="dropout_mlp")
    found = find_model("deep_mlp", tmp_path, None)
    assert (found.path, found.quick, found.dataset) == (wanted, False, "fashion_mnist")


def test_a_quick_run_serves_for_want_of_others(tmp_path: Path) -> None:
    export(tmp_path, OLD, QUICK)
    wanted = export(tmp_path, NEW, QUICK)
    found = find_model("deep_mlp", tmp_path, None)
    assert (found.path, found.quick) == (wanted, True)


def test_the_data_set_can_be_chosen(tmp_path: Path) -> None:
    wanted = export(tmp_path, OLD, {**FULL, "dataset": "mnist"})
    export(tmp_path, NEW)
    assert find_model("deep_mlp", tmp_path, "mnist").path == wanted
    with pytest.raises(DensebenchError, match="holds no export of deep_mlp trained on digits"):
        find_model("deep_mlp", tmp_path, "digits")
    with pytest.raises(DensebenchError, match=r"unknown data set 'mnits'\. Did you mean 'mnist'"):
        find_model("deep_mlp", tmp_path, "mnits")


def test_a_damaged_export_is_skipped_and_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wanted = export(tmp_path, OLD)
    export(tmp_path, NEW).write_bytes(b"half")
    assert find_model("deep_mlp", tmp_path, None).path == wanted
    assert capsys.readouterr().err.startswith(f"skipped: {tmp_path / 'onnx' / NEW / 'deep_mlp.onnx'}: ONNX Runtime ")


def test_where_there_is_no_export_the_command_that_makes_one_is_named(tmp_path: Path) -> None:
    published = next(iter(PUBLISHED))
    for name, command in (
        ("deep_mlp", f"pytest bench/ --benchmark-only --models deep_mlp --results {tmp_path}"),
        (published, f"python -m bench reproduce {published}"),
    ):
        with pytest.raises(DensebenchError) as raised:
            find_model(name, tmp_path, None)
        assert str(raised.value) == f"{tmp_path / 'onnx'} holds no export of {name}. `{command}` makes one."
    usual = DEFAULT_RESULTS
    assert (
        making_command("deep_mlp", usual, "mnist") == "pytest bench/ --benchmark-only --models deep_mlp --dataset mnist"
    )
    assert making_command("deep_mlp", usual, "fashion_mnist") == "pytest bench/ --benchmark-only --models deep_mlp"


@pytest.mark.parametrize("ending", [".keras", ".h5"])
def test_a_model_in_a_format_of_keras_is_refused_with_how_to_export_it(ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"mine{ending}"
    path.write_bytes(b"PK")
    with pytest.raises(
        DensebenchError, match=r"an \.onnx file\. To make one: keras\.models\.load_model\('.*'\)\.export"
    ):
        find_model(str(path), tmp_path, None)


def test_a_folder_is_refused_with_how_to_convert_it(tmp_path: Path) -> None:
    with pytest.raises(
        DensebenchError, match=f"To make one: `python -m tf2onnx.convert --saved-model {tmp_path} --output"
    ):
        find_model(str(tmp_path), tmp_path, None)


def test_a_mistyped_name_is_answered_with_the_closest_ones(tmp_path: Path) -> None:
    with pytest.raises(DensebenchError, match=r"unknown model 'deep_mpl'\. Did you mean 'deep_mlp'"):
        find_model("deep_mpl", tmp_path, None)


def test_a_path_is_taken_as_it_is_and_may_come_from_elsewhere(tmp_path: Path) -> None:
    path = write_model(tmp_path / "mine.onnx", extra_info={}, inputs=[("x", "FLOAT", (None, 784))])
    found = find_model(str(path), tmp_path / "none", "mnist")
    assert (found.path, found.input_name, found.dataset, found.quick) == (path, "x", None, False)
    with found.open() as session:
        assert ask(found, session, IMAGE).argmax() == 6


def test_a_path_whose_model_was_trained_on_something_else_is_refused(tmp_path: Path) -> None:
    path = write_model(tmp_path / "mine.onnx")
    with pytest.raises(DensebenchError, match="says that it was trained on fashion_mnist"):
        find_model(str(path), tmp_path, "mnist")
    write_model(path, extra_info={**FULL, "dataset": "cifar"})
    with pytest.raises(
        DensebenchError, match=r"was trained on 'cifar'\. Known data sets: fashion_mnist, mnist, digits"
    ):
        find_model(str(path), tmp_path, None)


@pytest.mark.parametrize("content", [b"", b"half a model", b"\x08\x08" * 40, None])
def test_what_is_no_model_is_refused_in_one_line(content: bytes | None, tmp_path: Path) -> None:
    path = write_model(tmp_path / "mine.onnx")
    path.write_bytes(path.read_bytes()[:900] if content is None else content)
    with pytest.raises(DensebenchError, match="ONNX Runtime cannot load it as a model: ") as raised:
        read_model(path)
    assert str(raised.value).startswith(f"{path}: ")
    assert "\n" not in str(raised.value)


def test_missing_models_and_folders_are_refused(tmp_path: Path) -> None:
    for path, text in ((tmp_path / "none.onnx", "No such file or directory"), (tmp_path, "Is a directory")):
        with pytest.raises(DensebenchError, match=f"the model cannot be read: {text}"):
            read_model(path)


@pytest.mark.parametrize(
    ("inputs", "text"),
    [
        ([("images", "FLOAT", ("N", 28, 28))], "images: tensor(float) ['N', 28, 28]"),
        ([("images", "FLOAT", (32, 784))], "images: tensor(float) [32, 784]"),
        ([("images", "DOUBLE", ("N", 784))], "images: tensor(double) ['N', 784]"),
        ([("a", "FLOAT", ("N", 784)), ("b", "FLOAT", (1,))], "a: tensor(float) ['N', 784], b: tensor(float) [1]"),
    ],
)
def test_a_model_that_takes_anything_but_784_numbers_is_refused(inputs: Any, text: str, tmp_path: Path) -> None:
    nodes = [
        helper.make_node("Shape", [inputs[0][0]], ["shape"]),
        helper.make_node("Cast", ["shape"], ["probabilities"], to=1),
    ]
    path = write_model(tmp_path / "mine.onnx", nodes=nodes, inputs=inputs, outputs=[("probabilities", "FLOAT", None)])
    with pytest.raises(DensebenchError) as raised:
        read_model(path)
    expected = "a model here has one input, tensor(float) of shape (N, 784)"
    assert str(raised.value) == f"{path}: {expected}; this one takes {text}."


def test_of_several_outputs_the_probabilities_are_read(tmp_path: Path) -> None:
    nodes = [
        *linear("images"),
        helper.make_node("ArgMax", ["logits"], ["label"], axis=1, keepdims=0),
        helper.make_node("Softmax", ["logits"], ["chances"]),
    ]
    label, logits, chances = ("label", "INT64", ("N",)), ("logits", "FLOAT", ("N", 10)), ("chances", "FLOAT", ("N", 10))
    path = write_model(tmp_path / "mine.onnx", nodes=nodes, outputs=[label, chances, logits])
    assert read_model(path).output_name == "chances"
    write_model(path, nodes=nodes[:-1], outputs=[label])
    with pytest.raises(
        DensebenchError, match=r"no output has the shape \(N, classes\); this one gives label: tensor\(i"
    ):
        read_model(path)


@pytest.mark.parametrize(
    ("node", "text"),
    [
        (("Transpose", {}), r"should be \(1, classes\), found \(10, 1\)"),
        (("Log", {}), "holds numbers that are not finite"),
        (("Squeeze", {}), r"should be \(1, classes\), found \(10,\)"),
    ],
)
def test_an_answer_that_is_not_one_number_per_class_is_refused(node: Any, text: str, tmp_path: Path) -> None:
    kind, options = node
    nodes = [*linear("images"), helper.make_node(kind, ["logits"], ["probabilities"], **options)]
    model = read_model(write_model(tmp_path / "mine.onnx", nodes=nodes, outputs=[("probabilities", "FLOAT", None)]))
    with model.open() as session, pytest.raises(DensebenchError, match=text):
        ask(model, session, IMAGE)


def test_a_model_that_fails_while_it_runs_is_refused_in_one_line(tmp_path: Path) -> None:
    nodes = [helper.make_node("Reshape", ["images", "shape"], ["probabilities"])]
    nodes.insert(0, helper.make_node("Constant", [], ["shape"], value_ints=[7, 100]))
    model = read_model(write_model(tmp_path / "mine.onnx", nodes=nodes, outputs=[("probabilities", "FLOAT", None)]))
    with model.open() as session, pytest.raises(DensebenchError, match="ONNX Runtime cannot run it: ") as raised:
        ask(model, session, IMAGE)
    assert "\n" not in str(raised.value)
