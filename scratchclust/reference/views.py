"""Views: a picture as it might have looked, cut out, turned and coloured otherwise. What shows the
same thing is to be near in what a network learns from views, without any label.

What is drawn at random (`ViewParameters`, in `scratchclust/train/view_specs.py`) and what is done
with it (here) are two things: each function of this file is one change of pictures x in [0, 1], and
says for each picture what its numbers mean. Neutral numbers change nothing.

Crop. A box of height H' at row r becomes h' rows: row i is read at

    y_i = r + min(max((i + 1/2) H' / h' - 1/2, 0), H' - 1)

in the middle of the i-th of h' equal parts, between two rows linearly; columns likewise.

Pose. The picture is turned by the angle t, enlarged by s and moved by m, about its middle: what
comes to p was at R(-t) (p - m) / s, bilinear between pixels, 0 outside.

Colours. With the luma L = 0.299 R + 0.587 G + 0.114 B, and [.] cut off to [0, 1]:

    brightness b:  x <- [b x]
    contrast c:    x <- [c x + (1 - c) mean(L)]        the mean over the picture
    saturation s:  x <- [s x + (1 - s) L]
    hue f:         the angle of (hue, saturation, value) is turned by f rounds

in this order, as in SimCLR's appendix, and by these formulas, which are torchvision's.

The fast twin of this file is `scratchclust/train/views.py`.

Sources: Chen et al., A simple framework for contrastive learning of visual representations, 2020
(SimCLR); Grill et al., Bootstrap your own latent, 2020 (solarise); DeVries and Taylor, Improved
regularization of convolutional neural networks with cutout, 2017.
"""

import numpy as np
from jaxtyping import Bool, Float

from scratchclust.constants import LEAST_BLUR, LUMA
from scratchclust.results import ViewParameters

__all__ = [
    "apply_parameters",
    "blur",
    "change_colours",
    "crop_and_resize",
    "cut_out",
    "flip",
    "grey",
    "pose",
    "solarise",
]


def apply_parameters(
    images: Float[np.ndarray, "n h w c"],
    parameters: ViewParameters,
    size: tuple[int, int],
    blur_radius: int,
) -> Float[np.ndarray, "n h2 w2 c"]:
    """Make one view of each image: every change whose parameters are there, in their order.

    Args:
        images: in [0, 1].
        parameters: of each image; None leaves a change out.
        size: height and width of a view.
        blur_radius: see `blur`.
    """
    views = images
    if parameters.poses is not None:
        views = pose(views, parameters.poses)
    if parameters.boxes is not None:
        views = crop_and_resize(views, parameters.boxes, size)
    if parameters.mirrored is not None:
        views = flip(views, parameters.mirrored)
    if parameters.colours is not None:
        views = change_colours(views, parameters.colours)
    if parameters.greyed is not None:
        views = grey(views, parameters.greyed)
    if parameters.sigmas is not None:
        views = blur(views, parameters.sigmas, blur_radius)
    if parameters.thresholds is not None:
        views = solarise(views, parameters.thresholds)
    if parameters.squares is not None:
        views = cut_out(views, parameters.squares)
    return views


def crop_and_resize(
    images: Float[np.ndarray, "n h w c"], boxes: Float[np.ndarray, "n 4"], size: tuple[int, int]
) -> Float[np.ndarray, "n h2 w2 c"]:
    """Cut a box out of each image, and bring it to a size.

    Args:
        images: any numbers.
        boxes: row and column of the upper left pixel, height, width: whole numbers, inside.
        size: height and width of what comes out. (Of a box that is more than twice as large some
            pixels are not looked at.)
    """
    views = []
    for image, box in zip(images, boxes, strict=True):
        top, left, height, width = box.astype(int)
        cut = image[top : top + height, left : left + width]
        of_rows = _interpolate(cut, size[0])
        views.append(_interpolate(of_rows.swapaxes(0, 1), size[1]).swapaxes(0, 1))
    return np.array(views)


def _interpolate(lines: Float[np.ndarray, "h w c"], n: int) -> Float[np.ndarray, "n w c"]:
    last = len(lines) - 1
    y = np.clip((np.arange(n) + 0.5) * len(lines) / n - 0.5, 0, last)
    i = y.astype(int)
    part = (y - i)[:, None, None]
    return (1 - part) * lines[i] + part * lines[np.minimum(i + 1, last)]


def pose(
    images: Float[np.ndarray, "n h w c"], poses: Float[np.ndarray, "n 4"]
) -> Float[np.ndarray, "n h w c"]:
    """Turn, enlarge and move each image about its middle.

    Args:
        images: 0 is what lies outside of them.
        poses: angle in radians, against the clock; scale; pixels down; pixels to the right.
    """
    h, w = images.shape[1:3]
    rows, columns = np.mgrid[:h, :w]
    posed = []
    for image, (angle, scale, down, right) in zip(images, poses, strict=True):
        y = (rows - (h - 1) / 2 - down) / scale
        x = (columns - (w - 1) / 2 - right) / scale
        before_y = np.cos(angle) * y + np.sin(angle) * x
        before_x = np.cos(angle) * x - np.sin(angle) * y
        posed.append(_bilinear(image, before_y + (h - 1) / 2, before_x + (w - 1) / 2))
    return np.array(posed)


def _bilinear(
    image: Float[np.ndarray, "h w c"], y: Float[np.ndarray, "h w"], x: Float[np.ndarray, "h w"]
) -> Float[np.ndarray, "h w c"]:
    """image(y, x) between the pixels; 0 outside."""
    h, w = image.shape[:2]
    padded = np.pad(image, ((1, 1), (1, 1), (0, 0)))  # the last pixel fades to 0 over one more
    y = np.clip(y + 1, 0, h + 1)
    x = np.clip(x + 1, 0, w + 1)
    i = np.minimum(y.astype(int), h)
    j = np.minimum(x.astype(int), w)
    a = (y - i)[:, :, None]
    b = (x - j)[:, :, None]
    upper = (1 - b) * padded[i, j] + b * padded[i, j + 1]
    lower = (1 - b) * padded[i + 1, j] + b * padded[i + 1, j + 1]
    return (1 - a) * upper + a * lower


def flip(
    images: Float[np.ndarray, "n h w c"], mirrored: Bool[np.ndarray, " n"]
) -> Float[np.ndarray, "n h w c"]:
    """Mirror some images left to right.

    Args:
        images: any numbers.
        mirrored: which.
    """
    return np.array(
        [image[:, ::-1] if one else image for image, one in zip(images, mirrored, strict=True)]
    )


def change_colours(
    images: Float[np.ndarray, "n h w c"], colours: Float[np.ndarray, "n 4"]
) -> Float[np.ndarray, "n h w c"]:
    """Change brightness, contrast, saturation and hue, in this order.

    Args:
        images: in [0, 1]; of three channels, or of one, which has neither saturation nor hue.
        colours: factors b, c and s, of which 1 changes nothing, and f in rounds.
    """
    changed = []
    for image, (b, c, s, f) in zip(images, colours, strict=True):
        x = np.clip(b * image, 0, 1)
        x = np.clip(c * x + (1 - c) * luma(x).mean(), 0, 1)
        if image.shape[-1] == 3:
            x = np.clip(s * x + (1 - s) * luma(x), 0, 1)
            x = turn_hue(x, float(f))
        changed.append(x)
    return np.array(changed)


def luma(image: Float[np.ndarray, "h w c"]) -> Float[np.ndarray, "h w 1"]:
    """The brightness that is seen; of one channel that itself."""
    if image.shape[-1] == 1:
        return image
    return (image * np.array(LUMA, image.dtype)).sum(axis=-1, keepdims=True)


def turn_hue(image: Float[np.ndarray, "h w 3"], f: float) -> Float[np.ndarray, "h w 3"]:
    """From red, green and blue to hue, saturation and value; the hue turned; and back.

    With value v = max(R, G, B) and chroma d = v - min(R, G, B) the hue h in sixths of a round is
    (G - B) / d, 2 + (B - R) / d or 4 + (R - G) / d, where R, G or B is largest; and back

        channel o = v - d max(0, min(k, 4 - k, 1)),  k = (o + h) mod 6,  o = 5, 3, 1 for R, G, B
    """
    red, green, blue = image[..., 0], image[..., 1], image[..., 2]
    v = image.max(axis=-1)
    d = v - image.min(axis=-1)
    divisor = np.where(d == 0, 1, d)  # grey has no hue, and keeps none
    h = np.select(
        [v == red, v == green],
        [(green - blue) / divisor, 2 + (blue - red) / divisor],
        4 + (red - green) / divisor,
    )
    k = (np.array([5, 3, 1], image.dtype) + (h + 6 * f)[..., None]) % 6
    return v[..., None] - d[..., None] * np.clip(np.minimum(k, 4 - k), 0, 1)


def grey(
    images: Float[np.ndarray, "n h w c"], greyed: Bool[np.ndarray, " n"]
) -> Float[np.ndarray, "n h w c"]:
    """Take the colours from some images: each channel becomes the luma.

    Args:
        images: of three channels, or of one, which stay.
        greyed: which.
    """
    return np.array(
        [
            np.broadcast_to(luma(image), image.shape) if one else image
            for image, one in zip(images, greyed, strict=True)
        ]
    )


def blur(
    images: Float[np.ndarray, "n h w c"], sigmas: Float[np.ndarray, " n"], radius: int
) -> Float[np.ndarray, "n h w c"]:
    """Average each pixel with those around it, rows and then columns:

        y_i = sum_t w_t x_(i + t),  w_t = exp(-t^2 / 2 sigma^2) / Z,  |t| <= radius

    with the picture's mirror image beyond its border.

    Args:
        images: any numbers.
        sigmas: of each image, in pixels; 0 changes nothing.
        radius: less than height and width.
    """
    t = np.arange(-radius, radius + 1)
    blurred = []
    for image, sigma in zip(images, sigmas, strict=True):
        bell = np.exp(-(t**2) / (2 * max(sigma, LEAST_BLUR) ** 2))
        weights = bell / bell.sum()
        of_rows = _average(image, weights, radius)
        blurred.append(_average(of_rows.swapaxes(0, 1), weights, radius).swapaxes(0, 1))
    return np.array(blurred)


def _average(
    lines: Float[np.ndarray, "h w c"], weights: Float[np.ndarray, " taps"], radius: int
) -> Float[np.ndarray, "h w c"]:
    padded = np.pad(lines, ((radius, radius), (0, 0), (0, 0)), mode="reflect")
    averaged = np.zeros(lines.shape)
    for t, weight in enumerate(weights):
        averaged += weight * padded[t : t + len(lines)]
    return averaged


def solarise(
    images: Float[np.ndarray, "n h w c"], thresholds: Float[np.ndarray, " n"]
) -> Float[np.ndarray, "n h w c"]:
    """Turn what is bright into its negative: x >= threshold becomes 1 - x.

    Args:
        images: in [0, 1].
        thresholds: of each image; above 1 nothing changes.
    """
    return np.array(
        [
            np.where(image >= t, 1 - image, image)
            for image, t in zip(images, thresholds, strict=True)
        ]
    )


def cut_out(
    images: Float[np.ndarray, "n h w c"], squares: Float[np.ndarray, "n 3"]
) -> Float[np.ndarray, "n h w c"]:
    """Put a square of the image's mean colour over each image; what lies beyond its border is lost.

    Args:
        images: any numbers.
        squares: row and column of the middle, and the side, whole numbers: rows from the middle
            minus side // 2, and so many. A side of 0 changes nothing.
    """
    cut = images.copy()
    for image, (row, column, side) in zip(cut, squares.astype(int), strict=True):
        top = row - side // 2
        left = column - side // 2
        image[max(top, 0) : max(top + side, 0), max(left, 0) : max(left + side, 0)] = image.mean(
            axis=(0, 1)
        )
    return cut
