"""What an opened picture says of itself before its pixels are decoded, and how it comes upright."""

from typing import Any

from PIL import Image

ANIMATION = "animation"
PAGES = "pages"
ANIMATED = ("GIF", "WEBP", "PNG", "AVIF")  # a phone's JPEG of two pictures is no animation
GREY_MODES = ("1", "L", "LA", "La")  # and those that begin with I, of more than 8 bits
ORIENTATION = 0x0112  # tag of EXIF
TURNS = {  # what its values ask for
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
LYING = (5, 6, 7, 8)  # those that exchange height and width
UPRIGHT = ("TIFF",)  # Pillow gives their size as it is after turning, and turns when it decodes


def what_more(picture: Any) -> str:
    """What else is in an opened file than its first frame: `ANIMATION`, `PAGES` or nothing."""
    try:
        is_one_of_many = getattr(picture, "is_animated", False)
    except Exception:  # what comes after the first frame is damaged: that is not read
        return ""
    if not is_one_of_many:
        return ""
    if picture.format in ANIMATED:
        return ANIMATION
    return PAGES if picture.format == "TIFF" else ""


def upright_size(picture: Any) -> tuple[int, int]:
    """Height and width of an opened picture, turned as its EXIF says; no pixel is decoded."""
    width, height = picture.size
    if picture.format == "PNG" and "exif" not in picture.info:
        return height, width  # to look for it Pillow would decode all
    is_upright = picture.format in UPRIGHT or _orientation(picture) not in LYING
    return (height, width) if is_upright else (width, height)


def upright(picture: Any) -> Image.Image:
    """A picture decoded, and turned as its EXIF says.

    Itself, if nothing is to be turned: a copy, as `ImageOps.exif_transpose` gives one, takes nearly
    as long as decoding.
    """
    picture.load()
    turn = TURNS.get(_orientation(picture))
    return picture if turn is None else picture.transpose(turn)


def is_grey_mode(mode: str) -> bool:
    """Whether a mode of Pillow has nothing but grey."""
    return mode in GREY_MODES or mode.startswith("I")


def raw_mode_of(picture: Any) -> str:
    """How the file's pixels lie, in Pillow's words, such as "RGB;16B"."""
    args = picture.tile[0].args if picture.tile else ""
    return str(args[0] if isinstance(args, tuple) and args else args)


def _orientation(picture: Any) -> int:
    try:
        return picture.getexif().get(ORIENTATION, 1)
    # Damaged EXIF leads to errors of many kinds, and takes nothing from the pixels.
    except Exception:
        return 1
