"""A folder of every odd file that may lie among a person's pictures, and what becomes of each."""

import os
import struct
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

READ = "read"
SKIPPED = "skipped"  # listed, with the reason
PASSED_OVER = "passed over"  # without a word

EXIF_ORIENTATION = 0x0112
NOISE = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
ORANGE = (200, 100, 20)
GREY = (120, 120, 120)
SIDE = 30_000


class Fate(NamedTuple):
    """What becomes of a file."""

    what: str
    reason: str = ""  # a part of it, if the file is skipped
    note: str = ""  # a part of the note that names it, if there is one
    colour: tuple[int, ...] | None = None  # about that of all its pixels, if it is read
    size: tuple[int, int] | None = None  # height and width, upright


Fates = dict[str, Fate]


def make_odd_folder(folder: Path) -> Fates:
    """Make the folder, and one beside it that links lead to; the fate of each file by its path.

    A name that is not UTF-8 stands there as `Dataset.skipped` has it.
    """
    folder.mkdir(parents=True)
    fates: Fates = {}
    for make in (_formats, _modes, _orientations, _shapes, _frames, _names, _unreadable, _left):
        fates |= make(folder)
    return fates | _links(folder, folder.with_name(f"{folder.name} elsewhere"))


def save(
    path: Path,
    colour: Any = ORANGE,
    *,
    size: tuple[int, int] = (4, 6),
    mode: str = "RGB",
    **more: Any,
) -> Path:
    """A picture of one colour; size is (height, width)."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, (size[1], size[0]), colour).save(path, **more)
    return path


def chunk_of_png(kind: bytes, content: bytes) -> bytes:
    """A chunk with its length and its checksum."""
    checksum = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + checksum


def png_of(width: int, height: int, depth: int, content: bytes) -> bytes:
    """A PNG of colour that claims this size, with these bytes as its pixels."""
    header = struct.pack(">IIBBBBB", width, height, depth, 2, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(content)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk_of_png(*chunk) for chunk in chunks)


def _formats(folder: Path) -> Fates:
    names = [f"formats/rgb.{kind}" for kind in ("jpg", "png", "webp", "bmp", "tiff", "gif", "ppm")]
    names += ["formats/UPPER.JPG", "formats/UPPER.PNG"]
    for name in names:
        save(folder / name)
    save(folder / "formats" / "really a png.jpg", format="PNG")
    save(folder / "formats" / "without an ending", format="JPEG")
    names += ["formats/really a png.jpg", "formats/without an ending"]
    return {name: Fate(READ, colour=ORANGE, size=(4, 6)) for name in names}


def _modes(folder: Path) -> Fates:
    modes = folder / "modes"
    palette = save(modes / "palette.gif", 1, mode="P", palette=[0, 0, 0, *ORANGE])
    with Image.open(palette) as picture:
        picture.save(modes / "palette.png")
        picture.save(modes / "transparent palette.png", transparency=1)
    save(modes / "grey.png", 120, mode="L")
    save(modes / "grey.jpg", 120, mode="L")
    save(modes / "grey and alpha.png", (120, 255), mode="LA")
    save(modes / "black and white.png", 1, mode="1")
    save(modes / "alpha.png", (*ORANGE, 255), mode="RGBA")
    save(modes / "transparent.png", (*ORANGE, 0), mode="RGBA")
    save(modes / "transparent.webp", (*ORANGE, 0), mode="RGBA", lossless=True)
    save(modes / "cmyk.jpg", (0, 255, 255, 0), mode="CMYK", quality=95)
    save(modes / "cmyk.tiff", (0, 255, 255, 0), mode="CMYK")
    save(modes / "16 bits.png", 120 * 257, mode="I;16")
    save(modes / "16 bits.tiff", 120 * 257, mode="I;16")
    save(modes / "lab.tiff", (160, 30, 70), mode="LAB")
    save(modes / "floats.tiff", 120 / 255, mode="F")
    deep = b"".join(
        b"\0" + struct.pack(">3H", *(257 * value for value in ORANGE)) * 6 for _ in "1234"
    )
    (modes / "16 bits of colour.png").write_bytes(png_of(6, 4, 16, deep))
    white = (255, 255, 255)
    colours = {
        "palette.gif": ORANGE,
        "palette.png": ORANGE,
        "transparent palette.png": white,
        "black and white.png": white,
        "alpha.png": ORANGE,
        "transparent.png": white,
        "transparent.webp": white,
        "cmyk.jpg": (255, 0, 0),
        "cmyk.tiff": (255, 0, 0),
        "16 bits of colour.png": ORANGE,
        "lab.tiff": (0, 191, 252),
    }
    names = sorted(path.name for path in modes.iterdir())
    return {
        f"modes/{name}": Fate(READ, colour=colours.get(name, GREY), size=(4, 6)) for name in names
    }


def _orientations(folder: Path) -> Fates:
    fates = {}
    for turn in range(1, 9):
        exif = Image.Exif()
        exif[EXIF_ORIENTATION] = turn
        for kind in ("jpg", "png", "webp", "tiff"):
            name = f"turned/{turn}.{kind}"
            save(folder / name, exif=exif)
            fates[name] = Fate(READ, colour=ORANGE, size=(4, 6) if turn < 5 else (6, 4))
    # as PNG allows: what it says of the orientation stands behind the pixels
    exif = Image.Exif()
    exif[EXIF_ORIENTATION] = 6
    late = chunk_of_png(b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0"))
    content = save(folder / "turned" / "late.png").read_bytes()
    (folder / "turned" / "late.png").write_bytes(content[:-12] + late + content[-12:])
    return {**fates, "turned/late.png": Fate(READ, colour=ORANGE, size=(6, 4))}


def _shapes(folder: Path) -> Fates:
    sizes = {"one pixel": (1, 1), "wide": (1, 3000), "tall": (3000, 1), "large": (900, 700)}
    for name, size in sizes.items():
        save(folder / "shapes" / f"{name}.png", size=size)
    return {
        f"shapes/{name}.png": Fate(READ, colour=ORANGE, size=size) for name, size in sizes.items()
    }


def _frames(folder: Path) -> Fates:
    fates = {}
    others = [Image.new("RGB", (6, 4), colour) for colour in ("blue", "green")]
    for name in ("moving.gif", "moving.webp", "moving.png", "pages.tiff"):
        more: dict[str, Any] = {} if name == "pages.tiff" else {"duration": 100}
        save(folder / "frames" / name, save_all=True, append_images=others, **more)
        note = "several pages" if name == "pages.tiff" else "animations"
        fates[f"frames/{name}"] = Fate(READ, note=note, colour=ORANGE, size=(4, 6))
    return fates


def _names(folder: Path) -> Fates:
    names = [
        "猫 ねこ.png",
        "кошка.png",
        "قطة.png",
        "🐈.png",
        "new\nline.png",
        "tab\tand \x1b[31mred.png",
        "<img src=x onerror=alert(1)>.png",
        "\"quotes\" and 'quotes', and commas; =1+1.png",
        "-rf.png",
        " spaces .png",
        "%s{0}\\n.png",
        f"{'a' * 251}.png",
        "deep/er/and/deeper/picture.png",
    ]
    for name in names:
        save(folder / "names" / name)
    fates = {f"names/{name}": Fate(READ, colour=ORANGE, size=(4, 6)) for name in names}
    content = (folder / "names" / "-rf.png").read_bytes()
    try:
        Path(os.fsdecode(os.fsencode(folder / "names") + b"/\xe9.png")).write_bytes(content)
    except OSError:  # a file system of text alone
        return fates
    return {**fates, "names/\\xe9.png": Fate(SKIPPED, "its name is not UTF-8")}


def _unreadable(folder: Path) -> Fates:
    bad = folder / "unreadable"
    bad.mkdir()
    Image.fromarray(NOISE).save(bad / "good.jpg")
    Image.fromarray(NOISE).save(bad / "good.png")
    jpeg = (bad / "good.jpg").read_bytes()
    png = (bad / "good.png").read_bytes()
    at = jpeg.index(b"\xff\xc0") + 5  # height and width of the frame, behind its marker
    contents = {
        "empty.jpg": (b"", "an empty file"),
        "a text.jpg": (b"Dear diary,\n", "not a format that Pillow reads"),
        "notes.txt": (b"who took these pictures\n", "not a format that Pillow reads"),
        "list.csv": (b"image,label\n", "not a format that Pillow reads"),
        "film.mp4": (b"\0\0\0\x18ftypisom" + bytes(99), "it is a film"),
        "book.pdf": (b"%PDF-1.7\n", "it is a PDF"),
        "cut.jpg": (jpeg[: len(jpeg) // 2], "truncated"),
        "cut.png": (png[: len(png) // 2], "truncated"),
        "only a header.jpg": (jpeg[:4], "damaged: it begins as a JPEG picture"),
        "only a header.png": (png[:20], "Truncated File Read"),
        "vast.png": (png_of(SIDE, SIDE, 8, b""), "so many pixels"),
        "vast.jpg": (
            jpeg[:at] + struct.pack(">HH", SIDE, SIDE) + jpeg[at + 4 :],
            "so many pixels",
        ),
    }
    for name, (content, _) in contents.items():
        (bad / name).write_bytes(content)
    fates = {f"unreadable/{name}": Fate(SKIPPED, why) for name, (_, why) in contents.items()}
    fates |= {f"unreadable/good.{kind}": Fate(READ, size=(40, 60)) for kind in ("jpg", "png")}
    if hasattr(os, "mkfifo"):
        os.mkfifo(bad / "pipe.png")
        fates["unreadable/pipe.png"] = Fate(SKIPPED, "neither a file nor a folder")
    forbidden = save(bad / "forbidden.png")
    forbidden.chmod(0)
    fates["unreadable/forbidden.png"] = (  # who may do all may read it
        Fate(READ) if os.access(forbidden, os.R_OK) else Fate(SKIPPED, "no permission to read it")
    )
    return fates


def _left(folder: Path) -> Fates:
    """What systems and archives leave behind, and what is hidden."""
    names = [
        ".DS_Store",
        "._rgb.png",
        ".hidden.png",
        ".hidden/1.png",
        "__MACOSX/rgb.png",
        "__MACOSX/formats/._rgb.png",
        "formats/Thumbs.db",
        "formats/desktop.ini",
    ]
    for name in names:
        save(folder / name, format="PNG")
    return dict.fromkeys(names, Fate(PASSED_OVER))


def _links(folder: Path, elsewhere: Path) -> Fates:
    links = folder / "links"
    links.mkdir()
    save(elsewhere / "picture.png")
    save(elsewhere / "folder" / "1.png")
    targets = {
        "inside.png": folder / "formats" / "rgb.png",
        "outside.png": elsewhere / "picture.png",
        "a folder outside": elsewhere / "folder",
        "nothing.png": elsewhere / "nothing.png",
        "itself.png": links / "itself.png",
        "one.png": links / "other.png",
        "other.png": links / "one.png",
        "up": folder,  # a loop
        "loop": links,
    }
    for name, target in targets.items():
        (links / name).symlink_to(target)
    outside = Fate(READ, note="links that lead out of the folder", colour=ORANGE, size=(4, 6))
    circle = Fate(SKIPPED, "a link that leads in a circle")
    fates = {
        "inside.png": Fate(READ, colour=ORANGE, size=(4, 6)),
        "outside.png": outside,
        "a folder outside/1.png": outside,
        "nothing.png": Fate(SKIPPED, "which is not there"),
        "itself.png": circle,
        "one.png": circle,
        "other.png": circle,
    }
    return {f"links/{name}": fate for name, fate in fates.items()}
