"""The colours of clusters can be told apart, also by people who see fewer of them."""

import numpy as np
from matplotlib.colors import to_rgb

from scratchclust.report import figures
from scratchclust.report._style import NOISE_COLOR

# Machado, Oliveira and Fernandes (2009), severity 1, on linear RGB.
SIGHT = {
    "normal": np.eye(3),
    "deuteranopia": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "protanopia": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "tritanopia": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
# Ottosson (2020), OKLab: distances in it are about equally visible; about 0.02 can just be seen
# side by side.
TO_CONES = [
    [0.4122214708, 0.5363325363, 0.0514459929],
    [0.2119034982, 0.6806995451, 0.1073969566],
    [0.0883024619, 0.2817188376, 0.6299787005],
]
TO_LAB = [
    [0.2104542553, 0.7936177850, -0.0040720468],
    [1.9779984951, -2.4285922050, 0.4505937099],
    [0.0259040371, 0.7827717662, -0.8086757660],
]
VISIBLE = 0.075


def oklab(colors, sight) -> np.ndarray:
    rgb = np.array([to_rgb(color) for color in colors])
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(linear @ np.transpose(SIGHT[sight]), 0, 1)
    return np.cbrt(seen @ np.transpose(TO_CONES)) @ np.transpose(TO_LAB)


def smallest_distance(colors, sight) -> float:
    lab = oklab(colors, sight)
    distances = np.linalg.norm(lab[:, None] - lab, axis=2)
    return distances[~np.eye(len(colors), dtype=bool)].min()


def test_any_two_of_twenty_colours_white_and_the_grey_of_noise_differ_for_every_sight():
    assert len(set(figures.PALETTE)) == 20
    colors = [*figures.PALETTE, NOISE_COLOR]
    for sight in SIGHT:
        # Okabe and Ito's own green and pink set the bound, under deuteranopia; white is the paper.
        assert smallest_distance(colors, sight) >= VISIBLE, sight
        assert smallest_distance(["#FFFFFF", *figures.PALETTE], sight) >= VISIBLE, sight


def test_the_measure_refuses_a_palette_that_fails():
    import matplotlib

    tab10 = matplotlib.color_sequences["tab10"]
    assert smallest_distance(tab10, "normal") > VISIBLE
    assert smallest_distance(tab10, "deuteranopia") < VISIBLE / 3


def test_oklab_by_hand():
    np.testing.assert_allclose(
        oklab(["white", "black"], "normal"), [[1, 0, 0], [0, 0, 0]], atol=1e-6
    )
    np.testing.assert_allclose(oklab(["red"], "normal"), [[0.6280, 0.2249, 0.1258]], atol=1e-4)


def test_cluster_colours_come_round_and_noise_is_grey():
    assert figures.cluster_color(0) == figures.cluster_color(20) == "#0072B2"
    assert figures.cluster_color(-1) == NOISE_COLOR
