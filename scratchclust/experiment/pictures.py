"""Pictures that fitted pipelines compute: of centroids, of images drawn again, of random codes.

They are kept in no stage: a run makes them once, when all its stages are finished, from the
networks that these keep. Only a run that died while it drew makes them again, within seconds.
`draw` says which figure shows which.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import Float, Int, Num

from scratchclust.experiment.telling import (
    VAE,
    Encoder,
    Features,
    ask_clustering,
    ask_drawing,
)
from scratchclust.runs import Stage

N_SAMPLES = 64  # pictures from random codes
N_WALKS = 6  # from image to image
N_STEPS = 10  # pictures in each walk
N_ASKED = 16  # pictures whose nearest are looked for
N_NEAREST = 7  # of each


class OfClusters(NamedTuple):
    """One picture a cluster."""

    images: Num[np.ndarray, "k h w c"]  # in [0, 1]
    are_means: bool  # of the images of each cluster; else they are the centroids


class Again(NamedTuple):
    """Images beside what the networks draw of them."""

    originals: Any
    drawn: dict[str, Any]  # by what is to be said of them


class Walks(NamedTuple):
    """What a VAE draws on straight lines between the codes of images."""

    images: Num[np.ndarray, "walks steps h w c"]
    ends: list[tuple[int, int]]  # the images between which each walk goes


def pictures_of_clusters(
    stage: Stage, images: Num[np.ndarray, "n h w c"], counts: list[int]
) -> OfClusters:
    """Draw the centroids as images; where the features cannot draw, or there are none, the mean
    image of each cluster, black where it is empty.
    """
    draw = ask_drawing(stage.pipeline)
    centroids = ask_clustering(stage.pipeline.named_steps["cluster"]).centroids
    if draw is not None and centroids is not None:
        return OfClusters(np.asarray(draw(centroids)), are_means=False)
    labels = stage.arrays["labels"]
    none = np.zeros((1, *images.shape[1:]))
    groups = [images[labels == j] if n else none for j, n in enumerate(counts)]
    return OfClusters(np.stack([group.mean(axis=0) / 255 for group in groups]), are_means=True)


def drawn_again(
    features: Mapping[str, Features], images: Num[np.ndarray, "n h w c"]
) -> Again | None:
    """Let every autoencoder draw the images; a U-Net also with zeros in the place of its code.

    Returns:
        The pictures by the network's name; None where no network is an autoencoder.
    """
    painters = {
        name: one.autoencoder for name, one in features.items() if one.autoencoder is not None
    }
    if not painters:
        return None
    originals = next(iter(painters.values())).prepared(images)
    drawn = {name: painter.reconstruct(images) for name, painter in painters.items()}
    for name, painter in painters.items():
        if features[name].is_unet:
            drawn[f"{name}, code = 0"] = painter.reconstruct(images, zero_code=True)
    return Again(originals, drawn)


def random_pictures(vae: VAE, rng: np.random.Generator) -> Num[np.ndarray, "n h w c"]:
    """Draw from codes of the normal distribution."""
    return vae.inverse_transform(rng.standard_normal((N_SAMPLES, vae.n_features_out_)))


def walks(vae: VAE, images: Num[np.ndarray, "n h w c"], rng: np.random.Generator) -> Walks:
    """Draw on straight lines between the codes of pairs of images, chosen at random."""
    n_walks = min(N_WALKS, len(images) // 2)
    begin, end = rng.choice(len(images), (2, n_walks), replace=False)
    share = np.linspace(0, 1, N_STEPS)[None, :, None]
    codes = _between(vae.transform(images[begin]), vae.transform(images[end]), share)
    drawn = vae.inverse_transform(codes.reshape(n_walks * N_STEPS, -1))
    pictures = drawn.reshape(n_walks, N_STEPS, *drawn.shape[1:])
    return Walks(pictures, list(zip(begin.tolist(), end.tolist(), strict=True)))


class Nearest(NamedTuple):
    """Images, and those whose codes are the nearest to theirs."""

    images: Num[np.ndarray, "n h w c"]
    found: dict[str, Num[np.ndarray, "n m h w c"]]  # by what is to be said of the code


def nearest_codes(
    encoder: Encoder,
    images: Num[np.ndarray, "n h w c"],
    labels: Int[np.ndarray, " n"] | None,
    rng: np.random.Generator,
) -> Nearest:
    """Find the images of the nearest codes, by their cosines, of sixteen images chosen at random:
    before the training and after it. Labels only count how many are of the same class.
    """
    n_asked = min(N_ASKED, len(images))
    chosen = np.sort(rng.choice(len(images), n_asked, replace=False))
    found = {}
    for when, one in (("before", encoder.before_training()), ("after", encoder)):
        nearest = _nearest(np.asarray(one.transform(images)), chosen)
        said = f"{when} the training"
        if labels is not None:
            same = labels[nearest] == labels[chosen][:, None]
            said += f": {same.sum()} of {same.size} are of the same class"
        found[said] = images[nearest]
    return Nearest(images[chosen], found)


def _nearest(Z: Float[np.ndarray, "n d"], chosen: Int[np.ndarray, " m"]) -> np.ndarray:
    """Of each chosen code the others of the largest cosine, the nearest first."""
    lengths = np.linalg.norm(Z, axis=1, keepdims=True)
    U = Z / np.maximum(lengths, np.finfo(np.float32).tiny)
    cosines = U[chosen] @ U.T
    cosines[np.arange(len(chosen)), chosen] = -np.inf
    n_nearest = min(N_NEAREST, len(Z) - 1)
    return np.argsort(-cosines, axis=1, kind="stable")[:, :n_nearest]


def _between(
    begin: Float[np.ndarray, "w d"],
    end: Float[np.ndarray, "w d"],
    share: Float[np.ndarray, "1 s 1"],
) -> Float[np.ndarray, "w s d"]:
    return (1 - share) * begin[:, None] + share * end[:, None]
