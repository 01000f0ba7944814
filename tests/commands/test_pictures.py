from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from bench.commands.predict.pictures import PREPARATIONS, Picture, draw, prepare, read_picture
from bench.data.datasets import DATASETS
from bench.errors import DensebenchError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from numpy.typing import NDArray

FASHION, MNIST, DIGITS = (PREPARATIONS[name] for name in ("fashion_mnist", "mnist", "digits"))
PNG_HEADER = b"\x89PNG\r\n\x1a\n"
DRAWING = """\
+----------------------------+
|                            |
|                            |
|                            |
|                            |
|        ████████████        |
|        ████████████        |
|        ████████████        |
|        ████████████        |
|        ▀▄▀▄▀▄▀▄▀▄▀▄        |
|        ▀▄▀▄▀▄▀▄▀▄▀▄        |
|                            |
|                            |
|                            |
|                            |
+----------------------------+"""


def box(height: int, width: int, content: tuple[slice, slice], ink: int = 0, paper: int = 255) -> NDArray[np.uint8]:
    """A rectangle of one brightness on paper of another."""
    gray = np.full((height, width), paper, np.uint8)
    gray[content] = ink
    return gray


PORTRAIT = box(480, 640, (slice(100, 300), slice(200, 300)))
"""A black rectangle, 100 wide and 200 high, on a white picture."""


def image(picture: Picture) -> NDArray[np.uint8]:
    assert picture.pixels.dtype == np.float32
    assert picture.pixels.shape == (784,)
    assert 0 <= picture.pixels.min() <= picture.pixels.max() <= 1
    pixels: NDArray[np.uint8] = (picture.pixels.reshape(28, 28) * 255).round().astype(np.uint8)
    return pixels


def extent(pixels: NDArray[np.uint8]) -> tuple[int, int, int, int]:
    """The first and last inked row and column."""
    rows, columns = (np.flatnonzero(pixels.any(axis=axis)) for axis in (1, 0))
    return int(rows[0]), int(rows[-1]), int(columns[0]), int(columns[-1])


def garment() -> NDArray[np.uint8]:
    """28x28 on black, with every gray."""
    return np.pad(np.random.default_rng(0).integers(0, 256, (24, 20), np.uint8), ((2, 2), (4, 4)))


def test_every_data_set_says_how_its_pictures_are_made() -> None:
    assert list(PREPARATIONS) == list(DATASETS)


@pytest.mark.parametrize("preparation", PREPARATIONS.values())
def test_an_image_of_the_data_set_stays_as_it_is_to_the_last_bit(preparation: Any) -> None:
    picture = prepare(garment(), preparation)
    np.testing.assert_array_equal(picture.pixels, garment().reshape(784) / np.float32(255))
    assert picture.steps == "28x28 as it is"


def test_a_light_border_is_what_tells_that_28x28_pixels_are_to_be_inverted() -> None:
    picture = prepare(255 - garment(), FASHION)
    np.testing.assert_array_equal(image(picture), garment())
    assert picture.steps == "inverted, 28x28 as it is"


def test_inverting_can_be_forced_and_forbidden() -> None:
    np.testing.assert_array_equal(image(prepare(garment(), FASHION, "always")), 255 - garment())
    np.testing.assert_array_equal(image(prepare(255 - garment(), FASHION, "never")), 255 - garment())
    assert image(prepare(PORTRAIT, FASHION, "never"))[14, 0] == 255


def test_a_garment_fills_28_pixels_and_keeps_its_aspect_in_the_middle() -> None:
    picture = prepare(PORTRAIT, FASHION)
    assert picture.steps == "inverted, 640x480 -> 28x28"
    assert extent(image(picture)) == (0, 27, 7, 20)
    np.testing.assert_array_equal(picture.pixels, prepare(255 - PORTRAIT, FASHION).pixels)


def test_the_odd_column_of_a_garment_is_on_the_left_as_in_fashion_mnist() -> None:
    picture = prepare(box(100, 100, (slice(10, 66), slice(50, 80))), FASHION)
    assert extent(image(picture)) == (0, 27, 7, 21)
    picture = prepare(box(100, 100, (slice(10, 66), slice(50, 76))), FASHION)
    assert extent(image(picture)) == (0, 27, 8, 20)


def test_a_digit_fills_20_pixels_around_its_centre_of_mass() -> None:
    gray = PORTRAIT.copy()
    gray[240:300, 200:400] = 0  # an L, whose mass is below and left of the middle of its box
    pixels = image(prepare(gray, MNIST))
    first_row, last_row, first_column, last_column = extent(pixels)
    assert (last_row - first_row + 1, last_column - first_column + 1) == (20, 20)
    rows, columns = np.indices((28, 28))
    centre = [(axis * pixels).sum(dtype=float) / pixels.sum(dtype=float) for axis in (rows, columns)]
    assert centre == pytest.approx([14, 14], abs=0.5)
    assert extent(image(prepare(gray, DIGITS))) == (2, 25, 2, 25)


def test_a_shadow_across_the_paper_is_no_part_of_a_digit() -> None:
    lit = image(prepare(PORTRAIT, MNIST))
    shadow = np.linspace(1.0, 0.75, 640)
    assert extent(image(prepare((PORTRAIT * shadow).astype(np.uint8), MNIST))) == extent(lit)


def test_gray_paper_is_taken_for_black_and_faint_ink_for_ink_where_originals_were_black_and_white() -> None:
    faint = box(480, 640, (slice(100, 300), slice(200, 300)), ink=110, paper=200)
    np.testing.assert_array_equal(image(prepare(faint, MNIST)), image(prepare(PORTRAIT, MNIST)))
    pixels = image(prepare(faint, FASHION))
    assert pixels.min() == 0
    assert np.median(pixels[pixels > 0]) == pytest.approx(90 * 255 / 200, abs=1)


def test_a_grain_of_noise_in_a_large_picture_is_no_content() -> None:
    grainy = PORTRAIT.copy()
    grainy[5, 5] = 200
    np.testing.assert_array_equal(prepare(grainy, FASHION).pixels, prepare(PORTRAIT, FASHION).pixels)


@pytest.mark.parametrize("shape", [(1, 5), (5, 1), (2, 3), (1, 4000)])
def test_pictures_of_a_few_pixels_are_scaled_up(shape: tuple[int, int]) -> None:
    gray = np.zeros(shape, np.uint8)
    gray[-1, -1] = 255
    assert image(prepare(gray, FASHION)).any()


def test_what_shows_nothing_is_refused() -> None:
    with pytest.raises(DensebenchError, match="of one colour"):
        prepare(np.full((28, 28), 255, np.uint8), FASHION)
    with pytest.raises(DensebenchError, match="nothing stands out"):
        prepare(box(50, 50, (slice(10, 20), slice(10, 20)), ink=20, paper=100), FASHION)


def opaque(gray: Image.Image) -> Image.Image:
    """Black that is solid where the gray is dark, and transparent where it is white."""
    picture = Image.new("RGBA", gray.size, "black")
    picture.putalpha(gray.point(lambda value: 255 - value))
    return picture


def sixteen_bits(gray: Image.Image) -> Image.Image:
    return Image.fromarray(np.asarray(gray).astype(np.uint16) * 257)


@pytest.mark.parametrize(
    ("suffix", "convert"),
    [
        ("png", lambda gray: gray),
        ("png", lambda gray: gray.convert("1")),
        ("png", lambda gray: gray.convert("RGB")),
        ("png", lambda gray: gray.convert("RGB").quantize(4)),
        ("png", lambda gray: gray.convert("LA")),
        ("png", opaque),
        ("png", lambda gray: opaque(gray).quantize(4)),
        ("png", sixteen_bits),
        ("jpg", lambda gray: gray),
        ("jpg", lambda gray: gray.convert("RGB")),
        ("jpg", lambda gray: gray.convert("CMYK")),
    ],
)
def test_colours_bit_depths_and_transparency_end_as_the_same_grays(
    suffix: str, convert: Callable[[Image.Image], Image.Image], tmp_path: Path
) -> None:
    convert(Image.fromarray(PORTRAIT)).save(path := tmp_path / f"picture.{suffix}", quality=95)
    pixels = image(read_picture(path, FASHION)).astype(int)
    assert np.abs(pixels - image(prepare(PORTRAIT, FASHION))).max() <= 12


def test_it_is_said_that_transparency_was_put_on_white_and_that_a_photo_was_turned(tmp_path: Path) -> None:
    opaque(Image.fromarray(PORTRAIT)).save(path := tmp_path / "a.png")
    assert read_picture(path, FASHION).steps == "put on white, inverted, 640x480 -> 28x28"
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.rot90(PORTRAIT)).save(path := tmp_path / "b.jpg", exif=exif, quality=95)
    turned = read_picture(path, FASHION)
    assert turned.steps == "turned upright, inverted, 640x480 -> 28x28"
    assert extent(image(turned)) == (0, 27, 7, 20)


def test_a_photo_of_many_pixels_gives_what_a_small_one_gives(tmp_path: Path) -> None:
    Image.fromarray(PORTRAIT).resize((3200, 2400)).save(path := tmp_path / "large.png")
    picture = read_picture(path, FASHION)
    assert extent(image(picture)) == (0, 27, 7, 20)
    assert picture.steps == "inverted, 3200x2400 -> 28x28"


def damaged(kind: str, content: bytes) -> bytes:
    zero_size = content[:16] + b"\0\0\0\0" + content[20:]
    return {
        "text": b"no picture at all",
        "empty": b"",
        "header": PNG_HEADER,
        "half": content[: len(content) // 2],
        "start": content[:60],
        "zero": zero_size,
    }[kind]


@pytest.mark.parametrize(
    ("suffix", "kind", "text"),
    [
        ("png", "text", "it is no PNG or JPEG picture (17 bytes)."),
        ("png", "empty", "it is no PNG or JPEG picture (0 bytes)."),
        ("png", "header", "it is no PNG or JPEG picture (8 bytes)."),
        ("png", "zero", "it is no PNG or JPEG picture ("),
        ("png", "half", "the picture is damaged: "),
        ("png", "start", "the picture is damaged: "),
        ("jpg", "half", "the picture is damaged: "),
        ("jpg", "start", "the picture is damaged: Truncated File Read."),
        ("gif", "whole", "it is no PNG or JPEG picture ("),
    ],
)
def test_what_is_no_whole_picture_is_refused_in_one_line(suffix: str, kind: str, text: str, tmp_path: Path) -> None:
    Image.fromarray(garment()).resize((90, 90)).save(path := tmp_path / f"picture.{suffix}")
    if kind != "whole":
        path.write_bytes(damaged(kind, path.read_bytes()))
    with pytest.raises(DensebenchError) as raised:
        read_picture(path, FASHION)
    assert str(raised.value).startswith(text)
    assert "\n" not in str(raised.value)


def test_missing_files_and_folders_are_named_by_what_the_system_says(tmp_path: Path) -> None:
    for path, text in ((tmp_path / "none.png", "No such file or directory"), (tmp_path, "Is a directory")):
        with pytest.raises(DensebenchError, match=f"it cannot be read: {text}"):
            read_picture(path, FASHION)


@pytest.mark.parametrize("limit", [100, 40_000])
def test_a_decompression_bomb_is_refused(limit: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", limit)
    Image.fromarray(garment()).resize((250, 250)).save(path := tmp_path / "bomb.png")
    with pytest.raises(DensebenchError, match=f"more than {limit:,} pixels"):
        read_picture(path, FASHION)


@pytest.mark.parametrize("suffix", ["png", "jpg"])
def test_no_damage_ends_in_anything_but_a_picture_or_an_error_in_one_line(suffix: str, tmp_path: Path) -> None:
    Image.fromarray(garment()).convert("RGB").resize((40, 30)).save(path := tmp_path / f"picture.{suffix}")
    content, chance = np.frombuffer(path.read_bytes(), np.uint8), np.random.default_rng(0)
    lines = []
    for _ in range(150):
        altered = content.copy()
        altered[chance.integers(len(content), size=3)] = chance.integers(256, size=3)
        path.write_bytes(altered.tobytes())
        try:
            image(read_picture(path, MNIST))
        except DensebenchError as error:
            lines.append(str(error))
    assert lines
    assert not any("\n" in line for line in lines)


def test_an_image_is_drawn_in_half_blocks_with_a_pattern_where_it_is_gray() -> None:
    pixels = np.zeros((28, 28), np.float32)
    pixels[8:16, 8:20] = 1.0
    pixels[16:20, 8:20] = 0.5
    assert "\n".join(draw(pixels.reshape(784))) == DRAWING
