"""`python -m bench predict`: classify images with an exported model, and print the probabilities."""

from __future__ import annotations

import os
import re
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import numpy as np

from bench.commands.arguments import add_common
from bench.commands.predict.model_files import ModelFile, ask, find_model, making_command
from bench.commands.predict.pictures import INVERT_CHOICES, PREPARATIONS, Invert, draw, read_picture
from bench.data.datasets import DATASETS, DEFAULT, Dataset, load_dataset
from bench.data.splits import PIXELS, scale
from bench.errors import FINE, USAGE, DensebenchError
from bench.formats import format_accuracy, format_percent
from bench.records.run_file import DEFAULT_RESULTS

if TYPE_CHECKING:
    import argparse
    from collections.abc import Sequence

    from numpy.typing import NDArray

INDEX = re.compile(r"(\w{1,40}):(-?\w{0,18})")
PARTS = {"test": 1, "train": 0}
"""The two parts of a data set, as `bench.data.datasets.Entry.sizes` orders them."""
BAR_COLUMNS = 40
SUM_TOLERANCE = 1e-3
BLOCKS = str.maketrans({"█": "#", "▀": '"', "▄": "_"})
BLUE, RED, PLAIN = "\x1b[34m", "\x1b[31m", "\x1b[0m"


@dataclass(frozen=True, slots=True, eq=False)
class InputImage:
    """One image to classify.

    Attributes:
        name: as the user named it.
        pixels: float32, (784,), in [0, 1].
        steps: what was done to a picture; empty for an image of the data set.
        label: the class that an image of the data set is known to have.
    """

    name: str
    pixels: NDArray[np.float32]
    steps: str = ""
    label: int | None = None


@dataclass(frozen=True, slots=True, eq=False)
class ImageSource:
    """Reads input images: picture files, and images of a data set by their index.

    Attributes:
        dataset: a key of `DATASETS`: pictures are prepared like its images.
        loaded: its images; ``None`` where no image was asked for by index, or it could not be had.
    """

    dataset: str
    loaded: Dataset | None
    invert: Invert


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Give a parser the options of this command."""
    parser.add_argument("model", metavar="MODEL", help="a recipe's name, for its newest export, or an .onnx file")
    parser.add_argument(
        "images", nargs="+", metavar="IMAGE", help="a PNG or JPEG file, or an image of the data set: test:800, train:3"
    )
    parser.add_argument(
        "--invert", choices=INVERT_CHOICES, default=INVERT_CHOICES[0], help="black and white swapped (default: auto)"
    )
    parser.add_argument("--show", action="store_true", help="draw each image as the model sees it")
    parser.add_argument("--dataset", metavar="NAME", help="an export that was trained on this data set")
    add_common(parser, "data-dir")
    parser.add_argument("--results", type=Path, default=DEFAULT_RESULTS, metavar="DIR", help="as for pytest")


def run(arguments: argparse.Namespace) -> int:
    """Classify each image, and print the answers; `FINE` where all could be read, else `USAGE`.

    Raises:
        DensebenchError: there is no such model, or it cannot be asked; nothing was classified.
    """
    model = find_model(arguments.model, arguments.results, arguments.dataset)
    dataset = model.dataset or arguments.dataset or DEFAULT
    for warning in _warnings(model, dataset, arguments):
        _tell(f"warning: {warning}")
    library = ImageSource(dataset, _load(dataset, arguments), arguments.invert)
    _say(_title(model, dataset))
    failures = 0
    with model.open() as session:
        softmax = _needs_softmax(model, session, dataset)
        for name in arguments.images:
            try:
                subject = read_subject(name, library)
                scores = ask(model, session, subject.pixels)
            except DensebenchError as error:
                _tell(f"error: {error}")
                failures += 1
            else:
                drawing = draw(subject.pixels) if arguments.show else ()
                probabilities = _softmax(scores) if softmax else scores
                answer = answer_lines(subject, probabilities, dataset, colours=_wants_colours(sys.stdout))
                _say("", *drawing, *answer)
    return USAGE if failures else FINE


def read_subject(name: str, library: ImageSource) -> InputImage:
    """The image that the user named: an index into the data set, or a picture's path.

    Raises:
        DensebenchError: there is no such image, or it cannot be read; the text names it.
    """
    match = INDEX.fullmatch(name)
    if match and (match[1] in PARTS or not Path(name).exists()):
        return _read_index(match[1], match[2], library)
    try:
        picture = read_picture(Path(name), PREPARATIONS[library.dataset], library.invert)
    except DensebenchError as error:
        raise DensebenchError(f"{_shown(name)}: {error}") from error
    return InputImage(name, picture.pixels, picture.steps)


def answer_lines(
    subject: InputImage, probabilities: NDArray[np.float64], dataset: str, *, colours: bool = False
) -> list[str]:
    """The answer, and a bar for each class.

    Args:
        subject: what was classified.
        probabilities: (n,), of at least as many classes as the data set has; the others are summed up in one bar.
        dataset: a key of `DATASETS`.
        colours: whether the bar of the known class is blue and that of a wrong answer red, as the tutorials draw them.
    """
    names = DATASETS[dataset].class_names
    rows = list(zip(names, probabilities, strict=False))
    if rest := len(probabilities) - len(names):
        rows.append((f"{rest} other outputs", probabilities[len(names) :].sum()))
    width = max(len(name) for name, _ in rows)
    lines = [_bar(name.ljust(width), share) for name, share in rows]
    answer = min(int(probabilities.argmax()), len(names))
    headline = _headline(subject, probabilities, names)
    if not colours or subject.label is None:
        return [headline, *lines]
    tints = {answer: RED, subject.label: BLUE}
    return [_tint(headline, tints[answer]), *[_tint(line, tints.get(row)) for row, line in enumerate(lines)]]


def _headline(subject: InputImage, probabilities: NDArray[np.float64], names: Sequence[str]) -> str:
    """``test:800  Shirt 61.2 %  right, it is Shirt``."""
    answer = int(probabilities.argmax())
    answer_name = names[answer] if answer < len(names) else f"output {answer}, which is no class,"
    remark = subject.steps
    if subject.label is not None:
        remark = f"{'right' if subject.label == answer else 'wrong'}, it is {names[subject.label]}"
    return f"{_shown(subject.name)}  {answer_name} {format_percent(probabilities[answer])}  {remark}"


def fit_encoding(text: str, encoding: str) -> str:
    """The text with blocks as ASCII where the encoding has none, and question marks for whatever else it lacks."""
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        return text.translate(BLOCKS).encode(encoding, "replace").decode(encoding)
    return text


def _warnings(model: ModelFile, dataset: str, arguments: argparse.Namespace) -> list[str]:
    """Warnings about the model, printed before its answers."""
    if model.dataset is None:
        source = "as --dataset says" if arguments.dataset else "--dataset names another"
        assumed = f"the classes of {dataset} in their order ({source}), pixels from 0 (background) to 1 (ink)"
        return [f"{model.path} does not say what it was trained on. Assumed: {assumed}."]
    if not model.quick:
        return []
    command = making_command(model.extra_info.get("recipe", ""), arguments.results, dataset)
    advice = f" `{command}` makes a full one." if command else ""
    return [f"{model.path} is from a quick run: hardly trained, so its answers mean little.{advice}"]


def _title(model: ModelFile, dataset: str) -> str:
    """Which model answers: ``deep_mlp, trained on mnist, test accuracy 0.9740 (results/onnx/...)``."""
    words = [model.extra_info.get("recipe", model.path.stem)]
    words += [f"trained on {dataset}"] if model.dataset else []
    with suppress(KeyError, ValueError):
        words.append(f"test accuracy {format_accuracy(float(model.extra_info['test_accuracy']))}")
    return f"{', '.join(words)} ({_shown(str(model.path))})"


def _load(dataset: str, arguments: argparse.Namespace) -> Dataset | None:
    """The data set, where an image of it is asked for; why it cannot be had is told once."""
    asked = (INDEX.fullmatch(name) for name in arguments.images)
    if not any(match and match[1] in PARTS for match in asked):
        return None
    try:
        return load_dataset(dataset, arguments.data_dir)
    except DensebenchError as error:
        _tell(f"error: {error}")
        return None


def _read_index(part: str, number: str, library: ImageSource) -> InputImage:
    name, sizes = f"{part}:{number}", DATASETS[library.dataset].sizes
    if part not in PARTS or not number.isdecimal() or int(number) >= sizes[PARTS[part]]:
        ranges = " and ".join(f"{known}:0 to {known}:{sizes[place] - 1}" for known, place in PARTS.items())
        fault = "there is no such image" if part in PARTS else "this is neither a file nor an image of the data set"
        raise DensebenchError(f"{name}: {fault}. The images of {library.dataset} are {ranges}.")
    data, index = library.loaded, int(number)
    if data is None:
        raise DensebenchError(f"{name}: the images of {library.dataset} could not be had.")
    images, labels = ((data.train_images, data.train_labels), (data.test_images, data.test_labels))[PARTS[part]]
    return InputImage(name, scale(images[index : index + 1])[0], label=int(labels[index]))


def _needs_softmax(model: ModelFile, session: Any, dataset: str) -> bool:
    """Whether the model gives scores rather than probabilities, found out on a black image.

    Raises:
        DensebenchError: it cannot be run, or knows fewer classes than the data set has.
    """
    scores = ask(model, session, np.zeros(PIXELS, np.float32))
    classes = len(DATASETS[dataset].class_names)
    if len(scores) < classes:
        raise DensebenchError(f"{model.path} has {len(scores)} outputs; the {classes} classes of {dataset} need more.")
    if scores.min() >= -SUM_TOLERANCE and abs(scores.sum() - 1) <= SUM_TOLERANCE:
        return False
    _tell(f"warning: {model.path} gives no probabilities. Assumed: logits, so their softmax is shown.")
    return True


def _softmax(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    powers = np.exp(scores - scores.max())
    shares: NDArray[np.float64] = powers / powers.sum()
    return shares


def _bar(name: str, share: float) -> str:
    return f"{name}  {format_percent(share):>7}  {'█' * round(share * BAR_COLUMNS)}".rstrip()


def _tint(text: str, colour: str | None) -> str:
    return f"{colour}{text}{PLAIN}" if colour else text


def _shown(name: str) -> str:
    """A file's name, quoted where it holds what would upset a terminal."""
    return name if name.isprintable() else repr(name)


def _wants_colours(stream: TextIO) -> bool:
    return stream.isatty() and not os.environ.get("NO_COLOR")


def _say(*lines: str) -> None:
    text = "".join(f"{fit_encoding(line, sys.stdout.encoding)}\n" for line in lines)
    sys.stdout.write(text)
    sys.stdout.flush()


def _tell(text: str) -> None:
    sys.stderr.write(f"{text}\n")
