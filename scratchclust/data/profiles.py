"""Colour profiles: a picture whose numbers mean other colours than sRGB's is brought to sRGB.

Cameras and telephones save in Display P3 or Adobe RGB, printers in a CMYK of their own: by the
numbers alone these look pale, or too dark. The profile (ICC) that lies in the file says what they
mean.
"""

import io
from functools import lru_cache

import numpy as np
from PIL import Image, ImageCms

# of 255: profiles that differ less from sRGB are other editions of it, and nothing is to be done
TOLERANCE = 2
N_LEVELS = 9  # of each channel, in the colours on which a profile is compared with sRGB


def to_srgb(picture: Image.Image) -> Image.Image:
    """The picture as its profile says, in sRGB: relative to white, with black brought to black.

    As it is: a picture without a profile, or with one that is sRGB's, broken or not for these
    channels; also black and white, L*a*b*, floats and grey of 16 bits. Transparency stays. Safe in
    several threads.
    """
    profile = picture.info.get("icc_profile")
    if (
        not isinstance(profile, bytes)
        or picture.mode in ("1", "F", "LAB")
        or picture.mode.startswith("I")
    ):
        return picture
    if picture.mode not in ("L", "LA", "CMYK"):
        wanted = "RGBA" if picture.has_transparency_data else "RGB"
        if _transform(profile, "RGB") is None:
            return picture
        picture = picture if picture.mode == wanted else picture.convert(wanted)
    elif picture.mode == "L" and picture.has_transparency_data:
        picture = picture.convert("LA")
    if picture.mode in ("L", "LA"):
        table = _grey_table(profile)
        return (
            picture
            if table is None
            else picture.point(table + [*range(256)] * (picture.mode == "LA"))
        )
    transform = _transform(profile, picture.mode)
    return picture if transform is None else transform.apply(picture)


@lru_cache(maxsize=64)
def _transform(profile: bytes, mode: str) -> ImageCms.ImageCmsTransform | None:
    """From the profile to sRGB; None if it is broken, of other channels, or sRGB itself."""
    output = mode if mode == "RGBA" else "RGB"
    flags = ImageCms.Flags.BLACKPOINTCOMPENSATION
    if mode == "L":
        # only a table is made of it: without short cuts, which are coarse where it is dark
        flags |= ImageCms.Flags.NOOPTIMIZE
    try:
        transform = ImageCms.ImageCmsTransform(
            ImageCms.ImageCmsProfile(io.BytesIO(profile)),
            ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")),
            mode,
            output,
            ImageCms.Intent.RELATIVE_COLORIMETRIC,
            flags=flags,
        )
        if mode == "RGB" and _is_identity(transform):
            return None
    # OSError: not a profile; ValueError, PyCMSError: of other channels; ImportError: a Pillow built
    # without LittleCMS.
    except (OSError, ValueError, ImportError, ImageCms.PyCMSError):
        return None
    return transform


def _is_identity(transform: ImageCms.ImageCmsTransform) -> bool:
    """Whether no colour of a grid changes by more than the tolerance.

    By what it does, and not by its name: there are dozens of profiles of sRGB, with as many names.
    """
    levels = np.linspace(0, 255, N_LEVELS).astype(np.uint8)
    colours = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(1, -1, 3)
    found = np.asarray(transform.apply(Image.fromarray(colours)))
    return int(np.abs(found.astype(int) - colours).max()) <= TOLERANCE


@lru_cache(maxsize=64)
def _grey_table(profile: bytes) -> list[int] | None:
    """What each of the 256 greys becomes. By a table, so that grey stays grey to the last bit."""
    transform = _transform(profile, "L")
    if transform is None:
        return None
    greys = np.arange(256, dtype=np.uint8)
    return np.asarray(transform.apply(Image.fromarray(greys[None])))[0, :, 1].tolist()
