"""Folders of small generated pictures, of kinds that every clustering tells apart."""

from pathlib import Path

import numpy as np
from PIL import Image

KINDS = ("bars", "frame", "disc")
SIDE = 12


def picture(kind: str, rng: np.random.Generator, side: int = SIDE) -> np.ndarray:
    """A grey picture [side, side] of a kind, with a little noise."""
    rows, columns = np.mgrid[:side, :side]
    middle = (side - 1) / 2
    shapes = {
        "bars": (columns % 4 < 2) * 255.0,
        "frame": (np.maximum(abs(rows - middle), abs(columns - middle)) > middle - 2) * 255.0,
        "disc": ((rows - middle) ** 2 + (columns - middle) ** 2 < (side / 3) ** 2) * 255.0,
    }
    noisy = shapes[kind] + rng.normal(0, 12, (side, side))
    return noisy.clip(0, 255).astype(np.uint8)


def make_folder(folder: Path, n: int = 60, *, seed: int = 0, side: int = SIDE) -> Path:
    """A folder with n pictures as PNG files, nested, kind after kind, and a table of their kinds
    beside it.
    """
    rng = np.random.default_rng(seed)
    lines = ["image,label"]
    for i in range(n):
        kind = KINDS[i % len(KINDS)]
        name = f"{'ab'[i % 2]}/{i:04d}.png"
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(picture(kind, rng, side)).save(folder / name)
        lines.append(f"{name},{kind}")
    folder.with_suffix(".csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder
