"""The user's pictures brought to what the models were trained on: 28x28, light ink on black.

The data sets were made like this, and the pictures are prepared alike:

- MNIST: each black-and-white digit is scaled to fit 20x20, aspect kept, which gives it its grey levels; its centre of
  mass is put in the middle of 28x28 (Y. LeCun, C. Cortes, C. Burges, "The MNIST database of handwritten digits"; Y.
  LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to document recognition", 1998, III-A).
- Fashion-MNIST: what is within 5 % of the background is trimmed off the edges; the longest edge is scaled to 28, the
  shorter one extended to 28 with the garment in the middle; the picture is negated and made gray (H. Xiao, K. Rasul, R.
  Vollgraf, "Fashion-MNIST: a novel image dataset", 2017, section 2). It scales by skipping pixels and sharpens
  afterwards; here one Lanczos filter keeps edges crisp and loses no thin line.
- digits: the picture fills the 24x24 inside the border that `bench.data.datasets` puts around scikit-learn's digits.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from bench.data.splits import scale
from bench.errors import DensebenchError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from numpy.typing import NDArray

Invert = Literal["auto", "always", "never"]
INVERT_CHOICES: tuple[Invert, ...] = ("auto", "always", "never")

EDGE = 28
WHITE = 255
LIGHT = 128
"""A background at least this bright is paper rather than black."""
TRIM = 0.05 * WHITE
"""How far from black the background may be and still be trimmed: 5 % of full intensity, as in Fashion-MNIST."""
WORKING_EDGE = 1024
"""Larger pictures are first averaged down to less than twice this; 28 pixels show no difference."""
GRAINY_EDGE = 10 * EDGE
"""In larger pictures, what is trimmed is decided on averages of 3x3 pixels: one bright grain is no content."""
PAPER, PEN = 0.25, 0.75
"""Shares of full ink: below the first is shadow on paper and above the second is ink, where originals were bilevel."""
FORMATS = ("PNG", "JPEG")
TURNED = range(2, 9)
"""The EXIF orientations of pictures that are stored turned or mirrored."""
SHADES = ((0.2, 0.6), (0.8, 0.4))
"""How much ink it takes to draw a pixel, by its place in a 2x2 pattern: grey areas come out as a pattern."""


@dataclass(frozen=True, slots=True)
class Preparation:
    """The layout of a data set's images.

    Attributes:
        box: what the longest edge of the content is scaled to, in pixels.
        bilevel: whether it was made from black-and-white originals, so that a photo's shadows are to be removed.
        by_mass: whether the content's centre of mass goes to the middle of the image, or the middle of its box.
    """

    box: int
    bilevel: bool = False
    by_mass: bool = False


PREPARATIONS: dict[str, Preparation] = {
    "fashion_mnist": Preparation(box=28),
    "mnist": Preparation(box=20, bilevel=True, by_mass=True),
    "digits": Preparation(box=24, bilevel=True),
}


# Compared by identity: "==" on arrays has no single answer.
@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A picture as a model takes it.

    Attributes:
        pixels: float32, (784,), in [0, 1]; 0 is the background.
        steps: what was done to it, in a few words: ``inverted, 640x480 -> 28x28``.
    """

    pixels: NDArray[np.float32]
    steps: str


def read_picture(path: Path, preparation: Preparation, invert: Invert = "auto") -> Picture:
    """The picture in a PNG or JPEG file, prepared.

    Raises:
        DensebenchError: it cannot be read, or shows nothing; the text does not name the file.
    """
    gray, steps = _decode(path)
    picture = prepare(gray, preparation, invert)
    return Picture(picture.pixels, ", ".join([*steps, picture.steps]))


def prepare(gray: NDArray[np.uint8], preparation: Preparation, invert: Invert = "auto") -> Picture:
    """A picture of any size as an image of the data set.

    Args:
        gray: uint8, (height, width), 255 is white.
        preparation: one of `PREPARATIONS`.
        invert: ``auto`` inverts where the border is light, since the data sets have light ink on black.

    Returns:
        The picture; one of 28x28 is inverted at most, and otherwise as it came.

    Raises:
        DensebenchError: the picture is of one colour, or holds nothing that stands out from its background.
    """
    if gray.min() == gray.max():
        raise DensebenchError("the picture is of one colour: there is nothing to classify.")
    height, width = gray.shape
    inverted = invert == "always" or (invert == "auto" and _background(gray) >= LIGHT)
    ink = WHITE - gray if inverted else gray
    steps = ["inverted"] if inverted else []
    if gray.shape == (EDGE, EDGE):
        return Picture(scale(ink[np.newaxis])[0], ", ".join([*steps, f"{width}x{height} as it is"]))
    ink = _blacken(_shrink(ink))
    ink = _separate(ink) if preparation.bilevel else ink
    image = _place(_fit(_trim(ink), preparation.box), by_mass=preparation.by_mass)
    return Picture(scale(image[np.newaxis])[0], ", ".join([*steps, f"{width}x{height} -> {EDGE}x{EDGE}"]))


def draw(pixels: NDArray[np.float32]) -> Iterator[str]:
    """An image (784,) as 14 lines of 28 half-block characters in a frame, ink drawn, background left out."""
    shades = np.tile(np.array(SHADES), (EDGE // 2, EDGE // 2))
    inked = pixels.reshape(EDGE, EDGE) > shades
    yield f"+{'-' * EDGE}+"
    for top, bottom in zip(inked[::2], inked[1::2], strict=True):
        cells = zip(top.tolist(), bottom.tolist(), strict=True)
        yield f"|{''.join(' ▄▀█'[2 * upper + lower] for upper, lower in cells)}|"
    yield f"+{'-' * EDGE}+"


def _decode(path: Path) -> tuple[NDArray[np.uint8], list[str]]:
    """The file's pixels as grays (height, width), and what was done to get them."""
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of oddities in files that can be read nevertheless
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=FORMATS) as image:
                return _gray(image)
    except UnidentifiedImageError:
        raise DensebenchError(f"it is no PNG or JPEG picture ({path.stat().st_size:,} bytes).") from None
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise DensebenchError(f"it has more than {Image.MAX_IMAGE_PIXELS:,} pixels; scale it down first.") from None
    except Exception as error:  # a damaged file makes decoders raise anything
        raise DensebenchError(_reason(error)) from error


def _reason(error: Exception) -> str:
    """The reason that a file could not be read, from the error that was raised."""
    if isinstance(error, OSError) and error.strerror:
        return f"it cannot be read: {error.strerror}."
    return f"the picture is damaged: {error or type(error).__name__}."


def _gray(image: Any) -> tuple[NDArray[np.uint8], list[str]]:
    """An opened picture as grays (height, width), upright and without transparency, and the steps to tell of."""
    from PIL import ExifTags, Image, ImageOps

    turned = image.getexif().get(ExifTags.Base.Orientation) in TURNED
    steps = ["turned upright"] if turned else []
    upright = ImageOps.exif_transpose(image)
    if upright.mode.startswith("I"):  # 16 bits of gray, which Pillow would cut off at 255
        upright = Image.fromarray((np.asarray(upright) // (WHITE + 2)).astype(np.uint8))
    elif upright.has_transparency_data:
        colours = upright.convert("RGBA")
        steps += ["put on white"] if colours.getchannel("A").getextrema() != (WHITE, WHITE) else []
        upright = Image.alpha_composite(Image.new("RGBA", colours.size, "white"), colours)
    return np.asarray(upright.convert("L")), steps


def _shrink(ink: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """A large picture averaged down to a longest edge of one to two times `WORKING_EDGE`; another as it is."""
    from PIL import Image

    return np.asarray(Image.fromarray(ink).reduce(max(1, max(ink.shape) // WORKING_EDGE)))


def _background(gray: NDArray[np.uint8]) -> np.float32:
    """The brightness that half of the border's pixels do not exceed, 0-255."""
    border = np.concatenate([gray[0], gray[-1], gray[1:-1, 0], gray[1:-1, -1]])
    level: np.float32 = np.median(border.astype(np.float32))
    return level


def _blacken(ink: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Ink on a dark background with the background taken to black and full ink kept."""
    background = _background(ink)
    if background >= LIGHT:  # told not to invert it: the content reaches the border
        return ink
    stretched: NDArray[np.uint8] = np.rint((ink - background).clip(0) * (WHITE / (WHITE - background))).astype(np.uint8)
    return stretched


def _separate(ink: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Ink taken to white and what is faint to black; smooth in between, so that small pictures keep their edges."""
    share: NDArray[np.float32] = ink.astype(np.float32) / np.float32(max(1, int(ink.max())))
    separated: NDArray[np.uint8] = np.rint(((share - PAPER) / (PEN - PAPER)).clip(0, 1) * WHITE).astype(np.uint8)
    return separated


def _trim(ink: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The smallest box that holds all that stands out from black."""
    from PIL import Image, ImageFilter

    grainy = max(ink.shape) > GRAINY_EDGE
    shown = np.asarray(Image.fromarray(ink).filter(ImageFilter.BoxBlur(1))) if grainy else ink
    rows, columns = (np.flatnonzero((shown > TRIM).any(axis=axis)) for axis in (1, 0))
    if not len(rows):
        raise DensebenchError("nothing stands out from the background; --invert always or never may show it.")
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _fit(content: NDArray[np.uint8], box: int) -> NDArray[np.uint8]:
    """The content scaled so that its longest edge is `box` pixels, aspect kept."""
    from PIL import Image

    height, width = (max(1, round(edge * box / max(content.shape))) for edge in content.shape)
    return np.asarray(Image.fromarray(content).resize((width, height), Image.Resampling.LANCZOS))


def _place(content: NDArray[np.uint8], *, by_mass: bool) -> NDArray[np.uint8]:
    """The content on a black image of 28x28, by its centre of mass or by the middle of its box."""
    top, left = (_start(content.sum(axis=1 - axis, dtype=np.float64), by_mass=by_mass) for axis in (0, 1))
    image = np.zeros((EDGE, EDGE), np.uint8)
    image[top : top + content.shape[0], left : left + content.shape[1]] = content
    return image


def _start(mass: NDArray[np.float64], *, by_mass: bool) -> int:
    """The row, or column, at which content starts whose ink per row, or column, is `mass`.

    Where the middle falls between two pixels, the data sets themselves decide: Fashion-MNIST puts the odd row or column
    first, and MNIST's centres of mass lie within half a pixel of row and column 14, counted from 0.
    """
    room = EDGE - len(mass)
    if not by_mass:
        return (room + 1) // 2
    centre = float(mass @ np.arange(len(mass)) / mass.sum())
    return min(max(round(EDGE / 2 - centre), 0), room)
