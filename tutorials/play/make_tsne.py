"""Put the frames of our own runs of t-SNE into tsne.html: three sets of points, four perplexities,
500 iterations each.

    python tutorials/play/make_tsne.py

The runs are those of the page 03b_tsne_by_hand, a plain descent with momentum. Each frame is scaled
to its own width and rounded to 8 bits a coordinate; the page moves on straight lines in between.
"""

import base64
import json
import re
from pathlib import Path

import numpy as np

from scratchclust import data
from scratchclust.data.preprocessing import flatten, to_unit
from scratchclust.reference import pca
from scratchclust.reference.tsne import gradient, joint_affinities, kl_divergence

PAGE = Path(__file__).with_name("tsne.html")
PERPLEXITIES = [3, 10, 30, 60]
N_POINTS = 180
N_ITERATIONS = 500
EVERY = 10  # iterations from one frame to the next
SLOT = re.compile(r"(const SETS = ).*?(; // the frames)", re.DOTALL)


def clouds(centres: list[float], widths: list[float], rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Points in ten dimensions, in clouds whose centres are on the first axis; and the cloud of each."""
    groups = np.repeat(np.arange(len(centres)), N_POINTS // len(centres))
    points = rng.standard_normal((len(groups), 10)) * np.array(widths)[groups, None]
    points[:, 0] += np.array(centres)[groups]
    return points, groups


def run(X: np.ndarray, perplexity: float) -> tuple[list[np.ndarray], list[float]]:
    """The maps of every tenth iteration, and their divergences."""
    P = joint_affinities(X, float(perplexity))
    Y = pca.transform(X, pca.pca(X, 2))
    Y = 1e-4 * Y / Y[:, 0].std()
    step = np.zeros_like(Y)
    frames = [Y]
    for t in range(N_ITERATIONS):
        factor, momentum = (4, 0.5) if t < 100 else (1, 0.8)
        step = momentum * step - 60 / factor * gradient(Y, factor * P)
        Y = Y + step
        if (t + 1) % EVERY == 0:
            frames.append(Y)
    return frames, [kl_divergence(frame, P) for frame in frames]


def packed(frames: list[np.ndarray]) -> str:
    """All frames as bytes, each scaled into [0, 255] about its middle, in base64."""
    whole = np.stack(frames)
    low, high = whole.min(axis=1, keepdims=True), whole.max(axis=1, keepdims=True)
    half = np.maximum((high - low).max(axis=2, keepdims=True) / 2, 1e-12)
    scaled = 127.5 + 127.5 * (whole - (low + high) / 2) / half
    return base64.b64encode(np.round(scaled).astype(np.uint8).tobytes()).decode()


def set_of(name: str, hint: str, X: np.ndarray, groups: np.ndarray, names: list[str]) -> dict:
    """What the page needs of one set of points."""
    runs = [run(X, perplexity) for perplexity in PERPLEXITIES]
    return {
        "name": name,
        "hint": hint,
        "groups": groups.tolist(),
        "names": names,
        "frames": [packed(frames) for frames, _ in runs],
        "kl": [[round(value, 3) for value in divergences] for _, divergences in runs],
        "width": [[float(f"{np.ptp(frame, axis=0).max():.3g}") for frame in frames] for frames, _ in runs],
    }


def main() -> None:
    """Compute, and write the page anew."""
    rng = np.random.default_rng(0)
    mnist = data.load("mnist_2000")
    images, digits = mnist.images[:N_POINTS], mnist.labels[:N_POINTS]
    pixels = flatten(to_unit(images)).astype(np.float64)
    small = images[:, :, :, 0].reshape(N_POINTS, 14, 2, 14, 2).mean(axis=(2, 4)).astype(np.uint8)
    sets = [
        set_of(
            "digits",
            "180 handwritten digits. Point at a dot to see its image.",
            pca.transform(pixels, pca.pca(pixels, 50)),
            digits,
            [str(digit) for digit in range(10)],
        ),
        set_of(
            "two clouds",
            "One cloud is ten times as wide as the other. Can you tell which?",
            *clouds([0, 80], [1, 10], rng),
            ["narrow", "wide"],
        ),
        set_of(
            "three clouds",
            "Three in a row; the second gap is ten times the first. Is the middle one in the middle?",
            *clouds([0, 10, 110], [1, 1, 1], rng),
            ["first", "second", "third, far away"],
        ),
        set_of("noise", "One cloud and nothing else. Do you see groups?", *clouds([0], [1], rng), ["noise"]),
    ]
    sets[0]["images"] = base64.b64encode(small.tobytes()).decode()
    text = json.dumps({"perplexities": PERPLEXITIES, "every": EVERY, "n": N_POINTS, "sets": sets})
    PAGE.write_text(SLOT.sub(lambda found: found[1] + text + found[2], PAGE.read_text("utf-8")), "utf-8")
    print(f"{PAGE.name}: {PAGE.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
