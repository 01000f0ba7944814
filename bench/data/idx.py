"""The IDX format of the MNIST family: bytes to arrays and back.

Format: two zero bytes, one byte for the type, one for the number of dimensions, each dimension as a big-endian 32-bit
number, then the values (Y. LeCun, C. Cortes, C. Burges, "The MNIST database", section "File formats").
"""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

_UINT8 = 0x08
_MAGIC_BYTES = 4
_DIMENSIONS = {1: "labels", 3: "images"}


def parse_idx(raw: bytes) -> NDArray[np.uint8]:
    """The array that an IDX file holds; read-only, since it shares the memory of ``raw``.

    Args:
        raw: a whole, uncompressed IDX file.

    Returns:
        uint8, ``(n,)`` for labels or ``(n, height, width)`` for images.

    Raises:
        ValueError: the bytes are no IDX file of uint8; the message names what was expected and found.
    """
    shape = _parse_shape(raw)
    header_bytes = _header_bytes(len(shape))
    expected, found = header_bytes + math.prod(shape), len(raw)
    if found != expected:
        fault = "truncated" if found < expected else "too long"
        raise ValueError(f"{fault}: its header {shape} asks for {expected:,} bytes, found {found:,}")
    return np.frombuffer(raw, np.uint8, offset=header_bytes).reshape(shape)


def format_idx(array: NDArray[np.uint8]) -> bytes:
    """The IDX file that holds an array.

    Args:
        array: uint8, ``(n,)`` for labels or ``(n, height, width)`` for images.

    Raises:
        ValueError: the array has another type or another number of dimensions.
    """
    if array.dtype != np.uint8:
        raise ValueError(f"IDX files here hold uint8, found {array.dtype}")
    _require_known(array.ndim)
    return struct.pack(f">HBB{array.ndim}I", 0, _UINT8, array.ndim, *array.shape) + array.tobytes()


def _parse_shape(raw: bytes) -> tuple[int, ...]:
    if len(raw) < _MAGIC_BYTES:
        raise ValueError(f"truncated: the magic number of an IDX file takes {_MAGIC_BYTES} bytes, found {len(raw)}")
    zeros, kind, dimensions = struct.unpack_from(">HBB", raw)
    if zeros != 0 or kind != _UINT8:
        found = raw[:_MAGIC_BYTES].hex(" ")
        raise ValueError(f"no IDX file of uint8: expected it to start with 00 00 08, found {found}")
    _require_known(dimensions)
    if len(raw) < _header_bytes(dimensions):
        raise ValueError(f"truncated: its header takes {_header_bytes(dimensions)} bytes, found {len(raw)}")
    return struct.unpack_from(f">{dimensions}I", raw, _MAGIC_BYTES)


def _require_known(dimensions: int) -> None:
    if dimensions not in _DIMENSIONS:
        known = " or ".join(f"{number} ({use})" for number, use in _DIMENSIONS.items())
        raise ValueError(f"expected {known} dimensions, found {dimensions}")


def _header_bytes(dimensions: int) -> int:
    return _MAGIC_BYTES + 4 * dimensions
