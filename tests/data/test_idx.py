"""IDX files: what is read back, and what is said of a file that is none."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from bench.data.idx import format_idx, parse_idx


def test_labels_have_the_header_of_the_specification() -> None:
    assert format_idx(np.array([7, 2], np.uint8)) == b"\x00\x00\x08\x01\x00\x00\x00\x02\x07\x02"


def test_images_have_the_header_of_the_specification() -> None:
    expected = b"\x00\x00\x08\x03" + struct.pack(">III", 1, 2, 3) + bytes(range(6))
    assert format_idx(np.arange(6, dtype=np.uint8).reshape(1, 2, 3)) == expected


@pytest.mark.parametrize("shape", [(5,), (0,), (4, 28, 28)])
def test_what_was_formatted_is_parsed_back(shape: tuple[int, ...]) -> None:
    array = np.arange(np.prod(shape)).astype(np.uint8).reshape(shape)
    parsed = parse_idx(format_idx(array))
    assert parsed.dtype == np.uint8
    np.testing.assert_array_equal(parsed, array)


def test_an_array_that_is_not_contiguous_is_formatted_in_index_order() -> None:
    array = np.arange(24, dtype=np.uint8).reshape(2, 3, 4).transpose(2, 1, 0)
    np.testing.assert_array_equal(parse_idx(format_idx(array)), array)


def test_parsed_arrays_cannot_be_written_to() -> None:
    assert not parse_idx(format_idx(np.zeros(3, np.uint8))).flags.writeable


LABELS = format_idx(np.arange(10, dtype=np.uint8))


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        (b"", "the magic number of an IDX file takes 4 bytes, found 0"),
        (b"<html>...", "expected it to start with 00 00 08, found 3c 68 74 6d"),
        (b"\x00\x00\x0d\x01" + LABELS[4:], "expected it to start with 00 00 08, found 00 00 0d 01"),
        (b"\x00\x00\x08\x02" + LABELS[4:], r"expected 1 \(labels\) or 3 \(images\) dimensions, found 2"),
        (b"\x00\x00\x08\x03\x00\x00", "truncated: its header takes 16 bytes, found 6"),
        (LABELS[:-1], r"truncated: its header \(10,\) asks for 18 bytes, found 17"),
        (LABELS + b"\x00", r"too long: its header \(10,\) asks for 18 bytes, found 19"),
        (b"\x00\x00\x08\x03" + b"\xff" * 12, "truncated: its header .* found 16"),
    ],
)
def test_the_error_says_what_was_expected_and_what_was_found(raw: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_idx(raw)


def test_only_uint8_is_formatted() -> None:
    with pytest.raises(ValueError, match="uint8, found float64"):
        format_idx(np.zeros(3))  # type: ignore[arg-type]  # the mistake that is tested


def test_only_labels_and_images_are_formatted() -> None:
    with pytest.raises(ValueError, match="found 2"):
        format_idx(np.zeros((3, 3), np.uint8))
