"""How good is a code? Let the labels of its nearest neighbours vote for each picture's.

With s_i the cosine of a new picture with picture i, N the m pictures of largest cosine, and a
temperature t,

    votes(c) = sum over i in N with label c of exp(s_i / t)

and the class of the most votes is said to be the picture's. Labels are used to judge a code, never
to make it.

The fast twin of this file is `scratchclust/train/knn.py`.

Source: Wu, Xiong, Yu and Lin, Unsupervised feature learning via non-parametric instance
discrimination, 2018 (with m = 200, and t = 0.07; most programs since have t = 0.1).
"""

import numpy as np
from jaxtyping import Float, Int

from scratchclust.reference.sphere import normalise


def knn_accuracy(
    Z_train: Float[np.ndarray, "n d"],
    labels_train: Int[np.ndarray, " n"],
    Z_test: Float[np.ndarray, "n2 d"],
    labels_test: Int[np.ndarray, " n2"],
    *,
    n_neighbors: int = 200,
    temperature: float = 0.1,
) -> float:
    """Measure how often the neighbours' vote is right.

    Args:
        Z_train: the code of the pictures that vote.
        labels_train: their classes, from 0.
        Z_test: that of those that are voted on; none of them votes.
        labels_test: their classes.
        n_neighbors: m; all, if there are fewer.
        temperature: t; the smaller, the more only the nearest count.

    Returns:
        The share of them whose class has the most votes; the lowest class where two have as many.
    """
    U = normalise(Z_train)
    n_right = 0
    for u, label in zip(normalise(Z_test), labels_test, strict=True):
        cosines = U @ u
        nearest = np.argsort(-cosines, kind="stable")[:n_neighbors]
        votes = np.zeros(max(labels_train.max(), labels_test.max()) + 1)
        for i in nearest:
            # relative to the nearest, so that a small t leaves something
            votes[labels_train[i]] += np.exp((cosines[i] - cosines[nearest[0]]) / temperature)
        n_right += votes.argmax() == label
    return float(n_right / len(Z_test))
