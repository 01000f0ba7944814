"""What `--model` names: a file of the user's own, checked as far as that takes no framework and runs nothing of it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from bench.errors import DensebenchError, unknown_name
from bench.inference.own_models.archive import check_archive
from models import RECIPES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bench.inference.own_models.inputs import Input

    Shapes = Mapping[str, Sequence[int | str]]

Kind = Literal["recipe", "keras", "onnx"]

NAMED = re.compile(r"(?P<name>[A-Za-z0-9][\w.-]*)=(?P<path>.+)", re.DOTALL)
NAME = re.compile(r"[A-Za-z0-9][\w.-]*")
RIGHT = (
    f"Right are {', '.join(RECIPES)}; or FILE or NAME=FILE: a recipe (.py), a .keras or .h5 file, the folder of a "
    "SavedModel, or an .onnx file."
)
HDF5 = b"\x89HDF\r\n\x1a\n"
SAVED_MODEL = "saved_model.pb"
MOST_BYTES = 2**31
"""Of a file: a larger one is no protobuf message, and no model for this suite."""


OWN_BATCHES = (1, 32)
"""Examples per call of a user's graph: a thousand may be more than memory holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFile:
    """A model of the user's own.

    Attributes:
        name: what its rows are called.
        path: the file, or the folder of a SavedModel; absolute.
        sha256: of the file's bytes, or of the names and bytes of a folder's files.
        trusted: whether the user said that code in it may run.
        batch: the only batch size that a graph takes; ``None`` for any, or where that is not known before it is loaded.
        inputs: names of a graph's; empty where they are not known before it is loaded.
        shapes: of inputs, by name, as the user gave them (`bench.inference.own_models.inputs.parse_shapes`).
    """

    name: str
    kind: Kind
    path: str
    sha256: str
    trusted: bool
    batch: int | None = None
    inputs: Sequence[str] = ()
    shapes: Mapping[str, Sequence[int | str]] = field(default_factory=dict)

    @property
    def label(self) -> str:
        """The file's name and SHA-256, as run files have it."""
        return f"{Path(self.path).name} {self.sha256}"

    def as_request(self) -> dict[str, object]:
        """Its fields, as a worker process is sent them."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Models:
    """The models that a user named.

    Attributes:
        names: in the order in which they were named.
        files: those that are models in files of the user's own, by name.
        recipes: those that are recipes in files of the user's own, by name; all others are of the ladder.
    """

    names: Sequence[str] = ()
    files: Mapping[str, ModelFile] = field(default_factory=dict)
    recipes: Mapping[str, ModelFile] = field(default_factory=dict)


NONE = Models()


def parse_models(words: Iterable[str], *, trusted: bool, shapes: Shapes) -> Models:
    """The models by name, in the order of the words.

    Args:
        words: each the name of a model of the ladder, ``FILE`` or ``NAME=FILE``.
        trusted: whether code in them may run.
        shapes: as `ModelFile` has them.

    Raises:
        DensebenchError: a word names no file that can be measured, or two have one name; nothing of any was run.
    """
    names: list[str] = []
    files: dict[str, ModelFile] = {}
    for word in words:
        if word in RECIPES:
            names.append(word)
            continue
        model = parse_model(word, trusted=trusted, shapes=shapes)
        if model.name in names:
            raise DensebenchError(f"--model {word!r}: there is another {model.name!r}; name one: NAME=FILE.")
        names.append(model.name)
        files[model.name] = model
    graphs = [file for file in files.values() if file.kind == "onnx"]
    known = [name for file in graphs for name in file.inputs]
    if len(graphs) == len(files) and (unknown := [name for name in shapes if name not in known]):
        raise unknown_name("input in --shape", unknown[0], known)
    recipes = {name: file for name, file in files.items() if file.kind == "recipe"}
    return Models(
        tuple(dict.fromkeys(names)), {name: file for name, file in files.items() if name not in recipes}, recipes
    )


def parse_model(word: str, *, trusted: bool, shapes: Shapes) -> ModelFile:
    """The model that a word names. Raises DensebenchError."""
    match = None if Path(word).exists() else NAMED.fullmatch(word)
    path = Path(match["path"] if match else word).expanduser()
    name = match["name"] if match else path.stem
    if not path.exists():
        raise DensebenchError(f"--model {word!r}: there is no {str(path)!r}. {RIGHT}")
    if not NAME.fullmatch(name):
        raise DensebenchError(f"--model {word!r}: {name!r} is no name (letters, digits, _ . -). Right is NAME=FILE.")
    if name in RECIPES:
        raise DensebenchError(f"--model {word!r}: {name!r} is a model of the ladder. Right is another NAME=FILE.")
    place = f"--model {word!r}"
    try:
        kind, sha256 = _check(path, place, trusted=trusted), digest_of(path)
    except OSError as error:
        raise DensebenchError(f"{place}: it cannot be read: {error.strerror or error}.") from None
    inputs = _inputs(path, place, shapes) if kind == "onnx" else []
    return ModelFile(
        name=name,
        kind=kind,
        path=str(path.resolve()),
        sha256=sha256,
        trusted=trusted,
        batch=next((one.batch for one in inputs if one.batch is not None), None),
        inputs=tuple(one.name for one in inputs),
        shapes=dict(shapes),
    )


def model_from_request(fields: Mapping[str, object]) -> ModelFile:
    """The model whose fields a worker process was sent."""
    return ModelFile(**fields)  # type: ignore[arg-type]  # from `ModelFile.as_request`


def batch_sizes(file: ModelFile) -> Sequence[int]:
    """The batch sizes with which calls of a model's graph are timed."""
    return (file.batch,) if file.batch else OWN_BATCHES


def digest_of(path: Path) -> str:
    """SHA-256 of a file, or of a folder's files with their names."""
    found = hashlib.sha256()
    files = [path] if path.is_file() else sorted(one for one in path.rglob("*") if one.is_file())
    for file in files:
        if path.is_dir():
            found.update(f"{file.relative_to(path).as_posix()}\0".encode())
        with file.open("rb") as opened:
            while block := opened.read(2**20):
                found.update(block)
    return found.hexdigest()


def _inputs(path: Path, place: str, shapes: Shapes) -> Sequence[Input]:
    """What a graph takes, once it is checked. Raises DensebenchError."""
    from bench.inference.own_models.onnx_graph import inputs_of, read_graph  # ONNX takes half a second to import

    return inputs_of(read_graph(path, place, shapes), shapes)


def _check(path: Path, place: str, *, trusted: bool) -> Kind:
    """What kind of file it is, once all that can be checked before it is opened is. Raises DensebenchError, OSError."""
    if path.is_dir():
        if not (path / SAVED_MODEL).is_file():
            raise DensebenchError(f"{place}: a folder without {SAVED_MODEL}. {RIGHT}")
        _need_trust("a SavedModel", place, trusted=trusted)
        return "keras"
    if path.stat().st_size > MOST_BYTES:
        raise DensebenchError(f"{place}: {path.stat().st_size:,} bytes; at most {MOST_BYTES:,} are measured.")
    if path.suffix == ".py":
        _need_trust("a recipe", place, trusted=trusted)
        return "recipe"
    if path.suffix == ".keras" and not _is_hdf5(path):
        check_archive(path, place, trusted=trusted)
        return "keras"
    if path.suffix in {".keras", ".h5", ".hdf5"}:  # Keras 2.12 writes HDF5, whatever the ending
        if not _is_hdf5(path):
            raise DensebenchError(f"{place}: it does not begin as an HDF5 file does.")
        _need_trust("an HDF5 file", place, trusted=trusted)
        return "keras"
    if path.suffix == ".onnx":
        return "onnx"
    raise DensebenchError(f"{place}: {path.suffix or 'no ending'} is none of those. {RIGHT}")


def _is_hdf5(path: Path) -> bool:
    with path.open("rb") as opened:
        return opened.read(len(HDF5)) == HDF5


def _need_trust(what: str, place: str, *, trusted: bool) -> None:
    if not trusted:
        raise DensebenchError(
            f"{place}: {what} may hold code, and nothing keeps that from running. Nothing was run. If you trust it: "
            "--trust."
        )
