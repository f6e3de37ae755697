"""One picture: which decoder takes it, whatever lies beside it and whatever the process did before."""

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

READ = """
import sys
from pathlib import Path
{before}
from scratchclust.data.dataset import Request
from scratchclust.data.folders import read_folder
reading = read_folder(Path(sys.argv[1]), Request(size=(16, 16)))
print(list(reading.paths), [file.path for file in reading.skipped])
"""
ENDINGS = ("tga", "ico", "pcx", "sgi", "webp", "tiff", "jp2", "ppm", "png", "jpg", "gif", "bmp", "dds")


def write_mixed(folder, endings):
    """The same noise in several formats: an icon of 64 to 128 KiB looks like a TGA to whoever asks for nothing more."""
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (160, 160, 3), np.uint8))
    for i, ending in enumerate(endings):
        options = {"sizes": [(160, 160)]} if ending == "ico" else {}
        noise.save(folder / f"{i:02}.{ending}", **options)


def read(folder, before=""):
    """What a fresh process reads of a folder: the paths that it has and those that it skips."""
    command = [sys.executable, "-W", "ignore", "-c", READ.format(before=before), str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout.strip()


@pytest.mark.parametrize("endings", [("tga", "ico"), ("ico", "tga"), ENDINGS], ids="-".join)
def test_a_file_is_read_alike_beside_others(tmp_path, endings):
    write_mixed(tmp_path, endings)
    expected = f"{[f'{i:02}.{ending}' for i, ending in enumerate(endings)]} []"
    assert read(tmp_path) == expected
    # A person's program may have loaded plug-ins of its own accord, in an order of its own.
    assert read(tmp_path, before="from PIL import TgaImagePlugin") == expected


@pytest.mark.full
def test_a_mixed_folder_is_read_alike_in_a_hundred_processes(tmp_path):
    write_mixed(tmp_path, ENDINGS)
    assert len({read(tmp_path) for _ in range(100)}) == 1
