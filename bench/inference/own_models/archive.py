"""Keras's own files (.keras), looked at before Keras opens them: an archive of a configuration and of weights.

Keras's safe mode refuses lambdas, and did not refuse all else that a configuration can name: releases before 3.11 can
be brought to call other functions by it. Which release opens the file is what a trial compares, so the check is made
here.
"""

from __future__ import annotations

import json
import math
import zipfile
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from bench.errors import DensebenchError, one_line
from bench.inference.own_models.inputs import MOST_INPUT_BYTES, UNKNOWN_SIZE

if TYPE_CHECKING:
    from collections.abc import Iterator

CONFIGURATION = "config.json"
MOST_CONFIGURATION_BYTES = 2**26
MOST_UNPACKED_BYTES = 2**32
LIBRARIES = ("keras", "tf_keras", "tensorflow", "tensorflow.keras")
"""Whose classes a configuration may name; and of `builtins` nothing but `PLAIN`."""
PLAIN = ("str", "int", "float", "bool", "slice", "tuple", "list", "dict", "NoneType")
LAYER_WIDTH = ("units", "filters", "input_dim", "output_dim")
MOST_UNITS = 2**24
"""Of a layer: more than any model has that is measured here in seconds."""
FLOAT_BYTES = 4


def check_archive(path: Path, place: str, *, trusted: bool) -> None:
    """Check a .keras file without opening it as a model.

    Args:
        path: the file.
        place: what messages begin with.
        trusted: whether code in it may run.

    Raises:
        DensebenchError: it is no such archive, would write outside its folder, unpacks or declares too much, or has
            what is code.
    """
    for part in _parts(_configuration(path, place)):
        if not trusted and (code := _code(part)):
            raise DensebenchError(
                f"{place}: its configuration names {code}, which is code. Nothing was run. If you trust it: --trust."
            )
        _check_sizes(part, place)


def _configuration(path: Path, place: str) -> Any:
    try:
        with zipfile.ZipFile(path) as archive:
            for entry in archive.infolist():
                inside = PurePosixPath(entry.filename.replace("\\", "/"))
                if inside.is_absolute() or ".." in inside.parts or ":" in inside.parts[0]:
                    raise DensebenchError(f"{place}: it has {entry.filename!r}, a path outside of it.")
            if (unpacked := sum(entry.file_size for entry in archive.infolist())) > MOST_UNPACKED_BYTES:
                raise DensebenchError(f"{place}: {unpacked:,} bytes unpacked; at most {MOST_UNPACKED_BYTES:,} are.")
            if archive.getinfo(CONFIGURATION).file_size > MOST_CONFIGURATION_BYTES:
                raise DensebenchError(
                    f"{place}: its {CONFIGURATION} is larger than {MOST_CONFIGURATION_BYTES:,} bytes."
                )
            return json.loads(archive.read(CONFIGURATION))
    except (zipfile.BadZipFile, KeyError, ValueError, OSError, RecursionError, NotImplementedError) as error:
        raise DensebenchError(f"{place}: no file that Keras has saved: {one_line(error)}.") from None


def _parts(value: Any) -> Iterator[dict[str, Any]]:
    """Every object of a JSON value, the value itself included."""
    left = [value]
    while left:
        one = left.pop()
        if isinstance(one, dict):
            yield one
            left += one.values()
        elif isinstance(one, list):
            left += one


def _code(part: dict[str, Any]) -> str:
    """What an object of a configuration names that is code; empty for nothing."""
    kind, module = part.get("class_name"), part.get("module")
    if not isinstance(kind, str):
        return ""
    if kind in {"Lambda", "__lambda__", "function"} or part.get("registered_name") == "Lambda":
        return f"a {kind}"
    if module is None or module == "" or str(module).split(".", 1)[0] in LIBRARIES:
        return ""
    return "" if module == "builtins" and kind in PLAIN else f"{module}.{kind}"


def _check_sizes(part: dict[str, Any], place: str) -> None:
    """Check what an object of a configuration declares of an input's shape or a layer's width."""
    for key in ("batch_shape", "batch_input_shape"):
        shape = part.get(key)
        if isinstance(shape, list):
            sizes = [size if isinstance(size, int) else UNKNOWN_SIZE for size in shape[1:]]
            if (size := FLOAT_BYTES * math.prod(sizes)) > MOST_INPUT_BYTES:
                raise DensebenchError(
                    f"{place}: it declares an input of {shape}, {size:,} bytes; at most {MOST_INPUT_BYTES:,} are."
                )
    for key in LAYER_WIDTH:
        width = part.get(key)
        if isinstance(width, (int, float)) and width > MOST_UNITS:
            raise DensebenchError(f"{place}: it declares {key} of {width:,}; at most {MOST_UNITS:,} are measured.")
