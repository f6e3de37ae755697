"""Self-labels: what the network is sure of in an unchanged picture is its label for a changed one.

With p_i = softmax of the logits of picture i, hardly changed ("weak"), its label is

    y_i = argmax_j p_ij    where max_j p_ij > threshold,    none elsewhere

and the loss is the cross-entropy of these labels with what is said of the same pictures, strongly
changed. Each cluster that has labels counts alike, however many it has:

    L = mean over the clusters j with labels of   mean over i with y_i = j of   -log q_ij

with q_i = softmax of the logits of the changed picture. Where no label is sure, L is 0.

Nothing here keeps clusters apart: where one has taken all pictures, all labels are its own, and L
only makes them surer. So this sharpens clusters that another loss has made.

The fast twin of this file is `scratchclust/train/objectives/self_labels.py`.

Source: Van Gansbeke, Vandenhende, Georgoulis, Proesmans and Van Gool, SCAN: learning to classify
images without labels, 2020 (with threshold = 0.99; the weights of its program, one over a cluster's
share, are the mean over clusters here).
"""

import numpy as np
from jaxtyping import Float, Int


def confident_labels(
    logits: Float[np.ndarray, "n k"], *, threshold: float = 0.99
) -> Int[np.ndarray, " n"]:
    """Label what is sure: y.

    Args:
        logits: of the unchanged pictures.
        threshold: the probability that a label must exceed.

    Returns:
        The label of each picture, -1 for none.
    """
    labels = np.full(len(logits), -1, np.int32)
    for i, row in enumerate(np.asarray(logits, np.float64)):
        if np.exp(row.max() - np.logaddexp.reduce(row)) > threshold:
            labels[i] = row.argmax()
    return labels


def balanced_cross_entropy(
    logits: Float[np.ndarray, "n k"], labels: Int[np.ndarray, " n"]
) -> float:
    """Measure how badly labels are met, with the same weight for each cluster: L.

    Args:
        logits: of the changed pictures.
        labels: of `confident_labels`.

    Returns:
        L in nats; 0 where there are no labels.
    """
    logits = np.asarray(logits, np.float64)
    surprise = np.logaddexp.reduce(logits, axis=1)[:, None] - logits
    of_cluster = [surprise[labels == j, j].mean() for j in np.unique(labels[labels >= 0])]
    return float(np.mean(of_cluster)) if of_cluster else 0.0
