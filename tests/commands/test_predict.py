from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from onnx import helper
from PIL import Image

from bench.__main__ import main
from bench.commands.predict import command as predict
from bench.commands.predict.command import BLUE, PLAIN, RED, InputImage, answer_lines, fit_encoding
from bench.data import datasets
from tests.fake_data import ARRAYS, TEST, TRAIN, write_files
from tests.fake_models import ASSURED, FULL, QUICK, linear, write_model

if TYPE_CHECKING:
    from tests.fake_machine import World

ROOT = Path(__file__).parents[2]
BARS = """\
T-shirt/top    0.0 %
Trouser       10.0 %  ████
Pullover       0.0 %
Dress          0.0 %
Coat           0.0 %
Sandal         0.0 %
Shirt         61.2 %  ████████████████████████
Sneaker       18.8 %  ████████
Bag           10.0 %  ████
Ankle boot     0.0 %
"""
MANY = (*ASSURED[:6], 0.6, *ASSURED[7:], *[0.012 / 90] * 90)
WIDE_BARS = """\
shirt.png  Shirt 60.0 %  inverted, 40x60 -> 28x28
T-shirt/top         0.0 %
Trouser            10.0 %  ████
Pullover            0.0 %
Dress               0.0 %
Coat                0.0 %
Sandal              0.0 %
Shirt              60.0 %  ████████████████████████
Sneaker            18.8 %  ████████
Bag                10.0 %  ████
Ankle boot          0.0 %
90 other outputs    1.2 %
"""


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model file in the current folder, beside `shirt.png`, which shows a dark shirt on white."""
    monkeypatch.chdir(tmp_path)
    gray = np.full((60, 40), 255, np.uint8)
    gray[10:50, 10:30] = 0
    Image.fromarray(gray).save("shirt.png")
    return write_model(Path("mine.onnx"))


@pytest.fixture
def images(world: World) -> list[str]:
    """The options by which the made-up Fashion-MNIST is found."""
    write_files(world.named / "fashion-mnist", "fashion_mnist")
    return ["--data-dir", str(world.named)]


def ask(*words: str | Path) -> int:
    return main(["predict", *map(str, words), "--results", "results"])


class Stdout(io.TextIOWrapper):
    """A standard output of a given encoding, a terminal or not."""

    def __init__(self, encoding: str, *, terminal: bool = False) -> None:
        super().__init__(io.BytesIO(), encoding=encoding)
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal

    def text(self) -> str:
        self.flush()
        assert isinstance(self.buffer, io.BytesIO)
        return self.buffer.getvalue().decode(self.encoding)


def test_a_picture_gets_its_answer_what_was_done_and_a_bar_for_each_class(
    model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ask(model, "shirt.png") == 0
    output, errors = capsys.readouterr()
    title = "deep_mlp, trained on fashion_mnist, test accuracy 0.8680 (mine.onnx)"
    assert output == f"{title}\n\nshirt.png  Shirt 61.2 %  inverted, 40x60 -> 28x28\n{BARS}"
    assert errors == ""


def test_an_index_gets_the_true_label_and_whether_the_answer_is_right(
    model: Path, images: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    names = datasets.DATASETS["fashion_mnist"].class_names
    assert ask(model, *images, *(f"test:{i}" for i in range(TEST)), f"train:{TRAIN - 1}") == 0
    _, *pages = capsys.readouterr().out.split("\n\n")
    labels = [*map(int, ARRAYS["fashion_mnist"][3]), int(ARRAYS["fashion_mnist"][1][-1])]
    for name, label, page in zip(("test:0", "test:1", "test:2", "train:4"), labels, pages, strict=True):
        verdict = "right" if names[label] == "Shirt" else "wrong"
        assert page.splitlines()[0] == f"{name}  Shirt 61.2 %  {verdict}, it is {names[label]}"


def test_the_pixels_of_an_index_are_those_of_the_data_set(model: Path, images: list[str]) -> None:
    assert model
    loaded = datasets.load_dataset("fashion_mnist", Path(images[1]))
    subject = predict.read_subject("test:2", predict.ImageSource("fashion_mnist", loaded, "auto"))
    np.testing.assert_array_equal(subject.pixels, ARRAYS["fashion_mnist"][2][2].reshape(784) / np.float32(255))


@pytest.mark.parametrize("name", ["test:10000", "train:60000", "test:-1", "test:x", "test:", "foo:3"])
def test_a_wrong_index_is_one_line_that_says_what_would_be_right(
    name: str, model: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    fault = "this is neither a file nor an image of the data set" if "foo" in name else "there is no such image"
    monkeypatch.setattr(predict, "load_dataset", lambda *_: None)
    assert ask(model, name) == 4
    ranges = "The images of fashion_mnist are test:0 to test:9999 and train:0 to train:59999."
    assert capsys.readouterr().err == f"error: {name}: {fault}. {ranges}\n"


def test_a_file_whose_name_looks_like_an_index_is_a_picture(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("shirt.png").rename("foo:3")
    Path("test:3").write_bytes(Path("foo:3").read_bytes())
    assert ask(model, "foo:3", "./test:3") == 0
    assert "\n./test:3  Shirt 61.2 %  inverted, 40x60 -> 28x28\n" in capsys.readouterr().out


def test_what_cannot_be_read_is_named_and_the_rest_is_classified(
    model: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("text.png").write_text("no picture", encoding="ascii")
    Image.new("L", (30, 30), 255).save("blank.png")
    assert ask(model, "missing.png", "text.png", "shirt.png", "blank.png", ".", "a\nb.png") == 4
    output, errors = capsys.readouterr()
    assert "\nshirt.png  Shirt 61.2 %" in output
    assert errors.splitlines() == [
        "error: missing.png: it cannot be read: No such file or directory.",
        "error: text.png: it is no PNG or JPEG picture (10 bytes).",
        "error: blank.png: the picture is of one colour: there is nothing to classify.",
        "error: .: it cannot be read: Is a directory.",
        r"error: 'a\nb.png': it cannot be read: No such file or directory.",
    ]


def test_a_data_set_that_cannot_be_had_is_told_once_and_pictures_are_classified(
    model: Path, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ask(model, "test:0", "train:0", "shirt.png", "--data-dir", world.named) == 4
    output, errors = capsys.readouterr()
    assert "\nshirt.png  Shirt 61.2 %" in output
    assert errors.count(str(world.named)) == 1
    assert errors.splitlines()[-2:] == [
        "error: test:0: the images of fashion_mnist could not be had.",
        "error: train:0: the images of fashion_mnist could not be had.",
    ]


def test_pictures_need_no_data_set(model: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(predict, "load_dataset")
    assert ask(model, "shirt.png", "foo:3") == 4


def test_outputs_that_are_no_class_are_summed_up(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_model(model, MANY)
    assert ask(model, "shirt.png") == 0
    assert capsys.readouterr().out.partition("\n\n")[2] == WIDE_BARS


def test_an_answer_that_is_no_class_is_wrong() -> None:
    probabilities = np.eye(12)[11]
    headline, *bars = answer_lines(InputImage("test:0", np.zeros(784, np.float32), label=3), probabilities, "mnist")
    assert headline == "test:0  output 11, which is no class, 100.0 %  wrong, it is 3"
    assert bars[-1] == f"2 other outputs  100.0 %  {'█' * 40}"


@pytest.mark.parametrize("invert", ["auto", "always", "never"])
def test_the_image_is_shown_as_the_model_saw_it(invert: str, model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ask(model, "shirt.png", "--show", "--invert", invert) == 0
    drawing = capsys.readouterr().out.split("\n\n")[1].splitlines()[:16]
    assert drawing[0] == drawing[-1] == f"+{'-' * 28}+"
    light_in_dark = f"|{' ' * 7}{'█' * 14}{' ' * 7}|"
    dark_in_light = f"|{' ' * 5}{'█' * 5}{' ' * 9}{'█' * 5}{' ' * 4}|"
    assert drawing[8] == (dark_in_light if invert == "never" else light_in_dark)


def test_a_quick_runs_model_is_used_with_a_warning(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_model(Path("results/onnx/20261121T080000Z-x/deep_mlp.onnx"), extra_info=QUICK)
    assert model
    assert ask("deep_mlp", "shirt.png") == 0
    assert capsys.readouterr().err == (
        "warning: results/onnx/20261121T080000Z-x/deep_mlp.onnx is from a quick run: hardly trained, so its answers "
        "mean little. `pytest bench/ --benchmark-only --models deep_mlp --results results` makes a full one.\n"
    )


def test_what_is_assumed_of_a_model_from_elsewhere_is_said(model: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_model(model, extra_info={}, nodes=linear("images", "probabilities"))
    assert ask(model, "shirt.png") == 0
    output, errors = capsys.readouterr()
    assert output == f"mine (mine.onnx)\n\nshirt.png  Shirt 61.2 %  inverted, 40x60 -> 28x28\n{BARS}"
    assumed = "the classes of fashion_mnist in their order (--dataset names another), pixels from 0 (background) to 1"
    assert errors.splitlines() == [
        f"warning: mine.onnx does not say what it was trained on. Assumed: {assumed} (ink).",
        "warning: mine.onnx gives no probabilities. Assumed: logits, so their softmax is shown.",
    ]
    assert ask(model, "shirt.png", "--dataset", "mnist") == 0
    output, errors = capsys.readouterr()
    assert "shirt.png  6 61.2 %" in output
    assert "the classes of mnist in their order (as --dataset says)" in errors


def test_a_model_that_cannot_be_asked_stops_the_command_with_one_line(
    model: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    reshape = [
        helper.make_node("Constant", [], ["shape"], value_ints=[7, 100]),
        helper.make_node("Reshape", ["images", "shape"], ["probabilities"]),
    ]
    few = write_model(Path("few.onnx"), [0.5, 0.5], extra_info={**FULL, "dataset": "mnist"})
    broken = write_model(Path("broken.onnx"), nodes=reshape)
    text = Path("text.onnx")
    text.write_text("no model", encoding="ascii")
    for path, fault in (
        (few, "few.onnx has 2 outputs; the 10 classes of mnist need more."),
        (broken, "broken.onnx: ONNX Runtime cannot run it: "),
        (text, "text.onnx: ONNX Runtime cannot load it as a model: "),
        ("none.onnx", "none.onnx: the model cannot be read: No such file or directory."),
        (
            "deep_mlp",
            (
                "the results folder results does not exist. `pytest bench/ --benchmark-only --models deep_mlp "
                "--results results`"
            ),
        ),
        ("deep_mpl", "unknown model 'deep_mpl'. Did you mean 'deep_mlp'"),
    ):
        assert ask(path, "shirt.png") == 4
        (line,) = capfd.readouterr().err.splitlines()
        assert line.startswith(f"error: {fault}")
    assert model.exists()


def test_on_a_terminal_the_known_class_is_blue_and_a_wrong_answer_red(
    model: Path, images: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setattr(sys, "stdout", stdout := Stdout("utf-8", terminal=True))
    assert ask(model, *images, "test:0", "shirt.png") == 0
    label = datasets.DATASETS["fashion_mnist"].class_names[ARRAYS["fashion_mnist"][3][0]]
    assert label != "Shirt"
    _, wrong, picture = stdout.text().split("\n\n")
    coloured = [line for line in wrong.splitlines() if "\x1b" in line]
    assert coloured[0] == f"{RED}test:0  Shirt 61.2 %  wrong, it is {label}{PLAIN}"
    assert {line.split()[0] for line in coloured[1:]} == {f"{RED}Shirt", f"{BLUE}{label.split()[0]}"}
    assert "\x1b" not in picture


def test_a_right_answer_is_blue_and_no_color_is_honoured(
    model: Path, images: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    probabilities = np.array(ASSURED)
    subject = InputImage("test:0", np.zeros(784, np.float32), label=6)
    lines = answer_lines(subject, probabilities, "fashion_mnist", colours=True)
    assert lines[0] == f"{BLUE}test:0  Shirt 61.2 %  right, it is Shirt{PLAIN}"
    assert [line.startswith(BLUE) for line in lines[1:]] == [name == 6 for name in range(10)]
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setattr(sys, "stdout", stdout := Stdout("utf-8", terminal=True))
    assert ask(model, *images, "test:0") == 0
    assert "\x1b" not in stdout.text()


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_an_output_without_block_characters_gets_ascii(
    encoding: str, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("shirt.png").rename("셔츠.png")
    monkeypatch.setattr(sys, "stdout", stdout := Stdout(encoding))
    assert ask(model, "셔츠.png", "--show") == 0
    text = stdout.text()
    assert "\n??.png  Shirt 61.2 %  inverted, 40x60 -> 28x28\n" in text
    assert f"\nShirt         61.2 %  {'#' * 24}\n" in text
    assert f"|{' ' * 7}{'#' * 14}{' ' * 7}|" in text
    assert fit_encoding("█ ▀▄ 셔츠", "utf-8") == "█ ▀▄ 셔츠"
    assert fit_encoding("█ ▀▄ é", "latin-1") == '# "_ é'


@pytest.mark.slow
def test_the_command_works_as_typed_and_needs_no_framework_to_parse(model: Path) -> None:
    code = (
        "import sys, bench.__main__ as m; m.parse(['predict', 'a', 'b']);"
        "sys.exit(any(name in sys.modules for name in ('PIL', 'onnxruntime', 'onnx', 'tensorflow', 'sklearn')))"
    )
    words = [sys.executable, "-m", "bench", "predict", str(model.absolute()), str(Path("shirt.png").absolute())]
    for command in ([sys.executable, "-c", code], words):
        environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
        subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, check=True, timeout=60)
