"""One picture: from its file to uint8 RGB pixels, or to 16-bit grey whose white is not declared."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps

from scratchclust.data.dataset import Fit
from scratchclust.data.depth import LARGEST, to_bytes
from scratchclust.data.headers import (
    is_grey_mode,
    raw_mode_of,
    upright,
    upright_size,
    what_more,
)
from scratchclust.data.profiles import to_srgb
from scratchclust.data.signatures import AVIF, HEIC

# tags of TIFF
MAX_SAMPLE = 281
BITS_PER_SAMPLE = 258
LARGEST_SAMPLE = 341
# of JPEG 2000; 42 bytes after it the bits of the first component, less one
SIZE_MARKER = b"\xff\x4f\xff\x51"

CURES = {  # by the kinds of `signatures`: Pillow's name for the format, and what adds it
    HEIC: ("HEIF", 'install pillow-heif, `pip install -e ".[heic]"` in the checkout'),
    AVIF: ("AVIF", "install Pillow 11.3 or newer"),
}


class Picture(NamedTuple):
    """What `decode` gives."""

    # [h, w, 3] uint8; or [h, w] uint16, if it depends on the whole set which value is white
    pixels: np.ndarray
    largest: int = 0  # of those 16-bit numbers, before they were brought to a size
    is_upper_byte: bool = False  # 16-bit colour, of which Pillow gives the upper eight bits
    is_surely_grey: bool = False  # by its mode; without it only the pixels tell
    original_size: tuple[int, int] = (0, 0)  # (height, width) in the file, upright
    more: str = ""  # what else is in the file than this frame: see `headers.what_more`


@contextmanager
def strict_pillow() -> Iterator[None]:
    """Make Pillow's doubt about a decompression bomb an error, and keep its remarks from the user.

    Warning filters belong to the process, not to a thread: enter this once around the threads that
    decode.
    """
    formats()  # here, so that no thread loads a plug-in while another looks for it
    with warnings.catch_warnings():
        # Remarks on metadata that does not change the pixels: corrupt EXIF, odd transparency,
        # truncated tags.
        warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


@cache
def formats() -> tuple[str, ...]:
    """The formats that Pillow knows, in the order of trying them: the same in every process.

    HEIC is among them where pillow-heif is installed (the extra `heic`); that is told to Pillow
    here, before any thread starts.

    By itself Pillow loads a plug-in when a file's ending asks for it and tries them as they came.
    Some know their files by no signature: TGA, loaded first for another file's sake, claims certain
    icons. Those are tried last here.
    """
    Image.init()
    with suppress(ImportError):
        import pillow_heif  # pyright: ignore[reportMissingImports]

        pillow_heif.register_heif_opener()
    return tuple(sorted(Image.ID, key=lambda name: (Image.OPEN[name][1] is None, name)))


@cache
def endings() -> frozenset[str]:
    """What the names of pictures end in, in small letters, with the dot."""
    known = formats()
    return frozenset(
        ending for ending, name in Image.registered_extensions().items() if name in known
    )


def cure_of(kind: str | None) -> str:
    """How Pillow comes to read a kind of picture; "" if it reads it already, or never will."""
    name, cure = CURES.get(kind or "", ("", ""))
    return "" if name in formats() else cure


def decode(path: Path, size: tuple[int, int] | None, fit: Fit = "crop") -> Picture:
    """The first frame of a picture as RGB, turned as its EXIF orientation says.

    Colours are brought to sRGB first, if a profile in the file says that they are others
    (`profiles.to_srgb`). Transparent pixels show white behind them. Floats in [0, 1] become
    round(255 x), and grey of more than 8 bits round(255 v / white), if the file declares its white;
    if it does not, its numbers are given as they are.

    Args:
        path: the picture.
        size: (height, width) to bring it to; None leaves its size.
        fit: how, see `fit_picture`.

    Raises:
        ValueError: a decompression bomb: so many pixels that Pillow suspects an attack.
        Exception: whatever Pillow's decoders raise when they cannot read it.
    """
    try:
        with Image.open(path, formats=formats()) as picture:
            original_size = upright_size(picture)
            more = what_more(picture)
            # JPEG can be decoded at 1/2, 1/4 or 1/8 at a fraction of the time; twice the wanted
            # size is enough.
            is_draft = size is not None and picture.draft(None, (2 * max(size), 2 * max(size)))
            raw_mode = raw_mode_of(picture)
            is_deep = picture.mode.startswith("I")
            white = _declared_white(picture) if is_deep else None
            picture = upright(picture)
            if not is_draft:
                original_size = (picture.height, picture.width)
            is_surely_grey = is_grey_mode(picture.mode)
            found = _deep(picture, white, size, fit) if is_deep else _bytes(picture, size, fit)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ValueError(
            "so many pixels that it may be a decompression bomb (the limit is "
            f"{Image.MAX_IMAGE_PIXELS}): save it smaller"
        ) from error
    return found._replace(
        is_upper_byte=not is_deep and "16" in raw_mode,
        is_surely_grey=is_surely_grey,
        original_size=original_size,
        more=more,
    )


def header_of(path: Path) -> tuple[tuple[int, int], bool] | None:
    """Height and width of a picture, and whether it can be nothing but grey, by its header alone.

    None: it cannot be opened.
    """
    try:
        with Image.open(path, formats=formats()) as picture:
            return upright_size(picture), is_grey_mode(picture.mode)
    except Exception:  # see `decode`
        return None


def to_rgb(picture: Image.Image) -> Image.Image:
    """Any mode of Pillow as RGB.

    Raises:
        ValueError: floats outside [0, 1].
    """
    if picture.mode == "F":
        values = np.asarray(picture)
        _check_range(values, 1)
        return Image.fromarray(np.rint(values * 255).astype(np.uint8)).convert("RGB")
    if not picture.has_transparency_data:
        return picture if picture.mode == "RGB" else picture.convert("RGB")
    picture = picture.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")


def fit_picture(picture: Image.Image, size: tuple[int, int], fit: Fit = "crop") -> Image.Image:
    """The picture in a size that may have other proportions.

    Bilinear with antialiasing: where the proportions are those of the size it is
    `preprocessing.resize`, rounded.

    Args:
        picture: of any mode in which Pillow resamples.
        size: (height, width).
        fit: "crop" takes the largest centred part with the proportions of the size; "pad" the whole
            picture, centred on black; "squeeze" the whole picture, its proportions given up.
    """
    height, width = size
    if fit == "squeeze":
        return picture.resize((width, height), Image.Resampling.BILINEAR)
    if fit == "crop":
        return ImageOps.fit(picture, (width, height), method=Image.Resampling.BILINEAR)
    scale = min(width / picture.width, height / picture.height)
    inner_width, inner_height = (max(1, round(scale * side)) for side in picture.size)
    ground = Image.new(picture.mode, (width, height))  # zeros
    resized = picture.resize((inner_width, inner_height), Image.Resampling.BILINEAR)
    ground.paste(resized, ((width - inner_width) // 2, (height - inner_height) // 2))
    return ground


def fit_array(
    image: UInt8[np.ndarray, "h w c"], size: tuple[int, int], fit: Fit = "crop"
) -> UInt8[np.ndarray, "height width c"]:
    """`fit_picture` for an image of 1 or 3 channels."""
    picture = Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image)
    return np.asarray(fit_picture(picture, size, fit)).reshape(*size, image.shape[2])


def is_grey(rgb: UInt8[np.ndarray, "h w 3"]) -> bool:
    """Whether red, green and blue are equal everywhere."""
    return bool((rgb[..., 0] == rgb[..., 1]).all() and (rgb[..., 1] == rgb[..., 2]).all())


def _bytes(picture: Image.Image, size: tuple[int, int] | None, fit: Fit) -> Picture:
    """Colour, or grey of 8 bits."""
    rgb = to_rgb(to_srgb(picture))
    return Picture(np.asarray(rgb if size is None else fit_picture(rgb, size, fit)))


def _deep(
    picture: Image.Image, white: int | None, size: tuple[int, int] | None, fit: Fit
) -> Picture:
    """Grey of more than 8 bits."""
    values = np.asarray(picture)
    _check_range(values, LARGEST)
    largest = int(values.max())
    if size is not None:
        values = np.rint(
            np.asarray(fit_picture(Image.fromarray(values.astype(np.float32)), size, fit))
        )
    values = values.astype(np.uint16)
    if white is None:
        return Picture(values, largest)
    return Picture(np.repeat(to_bytes(values, white)[..., None], 3, axis=2))


def _declared_white(picture: Any) -> int | None:
    """The value that the file says is white; None if it says only that its numbers have 16 bits."""
    if picture.format == "PPM":  # Pillow has brought the file's own white to 65535
        return LARGEST
    if picture.format == "JPEG2000":
        picture.fp.seek(0)
        start = picture.fp.read(1 << 16)
        bits = (start.find(SIZE_MARKER) >= 0 and start[start.find(SIZE_MARKER) + 42] + 1) or 16
        # Pillow has moved fewer bits to the upper end
        return LARGEST - (1 << 16 - bits) + 1 if bits < 16 else None
    tags = getattr(picture, "tag_v2", {})
    white = int(np.max(tags.get(LARGEST_SAMPLE) or tags.get(MAX_SAMPLE) or 0))
    bits = int(np.max(tags.get(BITS_PER_SAMPLE) or 16))
    white = white or (1 << bits) - 1
    return white if 0 < white < LARGEST else None


def _check_range(values: np.ndarray, white: int) -> None:
    # Written so that NaN is refused too.
    if not (values.min() >= 0 and values.max() <= white):
        raise ValueError(
            f"its values run from {values.min():g} to {values.max():g}, expected 0 to {white}"
        )
