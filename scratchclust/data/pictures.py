"""One picture: from a file that Pillow reads to uint8 RGB pixels."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from PIL import Image, ImageOps

from scratchclust.errors import InputError


@contextmanager
def strict_pillow() -> Iterator[None]:
    """Make Pillow's doubt about a decompression bomb an error, and keep its remarks on odd files from the user.

    Warning filters belong to the process, not to a thread: enter this once around the threads that decode.
    """
    formats()  # here, so that no thread loads a plug-in while another looks for it
    with warnings.catch_warnings():
        # Remarks on metadata that does not change the pixels: corrupt EXIF, odd transparency, truncated tags.
        warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        yield


@cache
def formats() -> tuple[str, ...]:
    """The names of all formats that Pillow knows, in the order in which they are tried: the same in every process.

    By itself Pillow loads a plug-in when a file's ending asks for it and tries them as they came. Some know their files
    by no signature: TGA, loaded first for another file's sake, claims certain icons. Those are tried last here.
    """
    Image.init()
    return tuple(sorted(Image.ID, key=lambda name: (Image.OPEN[name][1] is None, name)))


def decode(path: Path, size: tuple[int, int] | None) -> UInt8[np.ndarray, "h w 3"]:
    """The first frame of a picture as RGB, turned as its EXIF orientation says.

    Transparent pixels show white behind them. 16-bit grey becomes round(v / 257), floats in [0, 1] become
    round(255 x); both exact at black and white.

    Args:
        path: the picture.
        size: (height, width) to bring it to, see `fit`; None leaves its size.

    Raises:
        InputError: a decompression bomb: so many pixels that Pillow suspects an attack.
        Exception: whatever Pillow's decoders raise when they cannot read it.
    """
    try:
        with Image.open(path, formats=formats()) as picture:
            if size is not None:
                # JPEG can be decoded at 1/2, 1/4 or 1/8 at a fraction of the time; twice the wanted size is enough.
                picture.draft(None, (2 * max(size), 2 * max(size)))
            rgb = to_rgb(ImageOps.exif_transpose(picture))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise InputError(
            f"{path} has so many pixels that it may be a decompression bomb (the limit is {Image.MAX_IMAGE_PIXELS}): "
            "remove it, or save it smaller"
        ) from error
    return np.asarray(rgb if size is None else fit(rgb, size))


def to_rgb(picture: Image.Image) -> Image.Image:
    """Any mode of Pillow as RGB.

    Raises:
        ValueError: 32-bit numbers that are neither 16-bit grey nor floats in [0, 1].
    """
    if picture.mode.startswith("I"):
        return _from_numbers(np.asarray(picture), 65535)
    if picture.mode == "F":
        return _from_numbers(np.asarray(picture), 1)
    if not picture.has_transparency_data:
        return picture.convert("RGB")
    picture = picture.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", picture.size, "white"), picture).convert("RGB")


def fit(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The largest centred part with the proportions of `size` = (height, width), resampled to that size.

    Bilinear with antialiasing: where no crop is needed it is `preprocessing.resize`, rounded.
    """
    height, width = size
    return ImageOps.fit(picture, (width, height), method=Image.Resampling.BILINEAR)


def fit_array(image: UInt8[np.ndarray, "h w c"], size: tuple[int, int]) -> UInt8[np.ndarray, "height width c"]:
    """`fit` for an image of 1 or 3 channels."""
    picture = Image.fromarray(image[:, :, 0] if image.shape[2] == 1 else image)
    return np.asarray(fit(picture, size)).reshape(*size, image.shape[2])


def is_grey(rgb: UInt8[np.ndarray, "h w 3"]) -> bool:
    """Whether red, green and blue are equal everywhere."""
    return bool((rgb[..., 0] == rgb[..., 1]).all() and (rgb[..., 1] == rgb[..., 2]).all())


def _from_numbers(values: np.ndarray, white: int) -> Image.Image:
    # Written so that NaN is refused too.
    if not (values.min() >= 0 and values.max() <= white):
        raise ValueError(f"its values run from {values.min():g} to {values.max():g}, expected 0 to {white}")
    return Image.fromarray(np.rint(values * (255 / white)).astype(np.uint8)).convert("RGB")
