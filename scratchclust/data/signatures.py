"""What a file is, by the bytes that it starts with: also to say what a file is that is not read."""

import gzip
import zlib
from pathlib import Path

START = 512  # bytes that decide
GZIP = b"\x1f\x8b"
NUMPY = b"\x93NUMPY"
PNG = "a PNG picture"
JPEG = "a JPEG picture"
SIGNATURES = (
    (b"PK\x03\x04", "a zip archive"),
    (GZIP, "a gzip file"),
    (b"\xfd7zXZ", "an xz file"),
    (b"BZh", "a bzip2 file"),
    (b"\x28\xb5\x2f\xfd", "a zstandard file"),
    (b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (b"Rar!", "a RAR archive"),
    (b"\x89HDF", "an HDF5 file"),
    (NUMPY, "an array that NumPy saved"),
    (b"MATLAB", "a MATLAB file"),
    (b"PAR1", "a Parquet file"),
    (b"ARROW1", "an Arrow file"),
    (b"SQLite", "an SQLite database"),
    (b"%PDF", "a PDF"),
    (b"GGUF", "a GGUF model"),
    (b"\x80\x02", "a pickle, which may run code when loaded"),
    (b"\x80\x03", "a pickle, which may run code when loaded"),
    (b"\x80\x04", "a pickle, which may run code when loaded"),
    (b"\x80\x05", "a pickle, which may run code when loaded"),
    (b"\x5c\x01\x00\x00", "a NIfTI volume"),
    (b"\x00\x00\x01\x5c", "a NIfTI volume"),
    (
        b"version https://git-lfs",
        "a pointer of Git LFS, in whose place `git lfs pull` puts the file",
    ),
    (b"/annex/objects", "a pointer of git-annex, in whose place `git annex get` puts the file"),
    (b"\x89PNG", PNG),
    (b"\xff\xd8\xff", JPEG),
)
HEIC = "a HEIC picture"
AVIF = "an AVIF picture"
PLACED = (
    (257, b"ustar", "a tar archive"),
    (128, b"DICM", "a DICOM picture"),
    *(
        (4, b"ftyp" + brand, HEIC)
        for brand in (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")
    ),
    *((4, b"ftyp" + brand, AVIF) for brand in (b"avif", b"avis")),
    (4, b"ftypcrx ", "a camera's raw picture"),
    (4, b"ftyp", "a film"),
)


def kind_of(start: bytes) -> str | None:
    """What starts with these bytes, in words; None if it is not known."""
    for signature, words in SIGNATURES:
        if start.startswith(signature):
            return words
    return next(
        (words for at, signature, words in PLACED if start[at : at + len(signature)] == signature),
        None,
    )


def start_of(path: Path) -> bytes:
    """The first bytes of a file."""
    with path.open("rb") as stream:
        return stream.read(START)


def unpacked_start(path: Path) -> bytes | None:
    """The first bytes of what is in a gzip file; None if it is none, or damaged from the start."""
    if not start_of(path).startswith(GZIP):
        return None
    try:
        with gzip.open(path) as stream:
            return stream.read(START)
    except (OSError, EOFError, zlib.error):
        return None
