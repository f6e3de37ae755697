"""The table of two labelings of the same points: n_ij = the number of points of class i in cluster
j, with the sums a_i = sum_j n_ij and b_j = sum_i n_ij.

Only its non-empty cells are kept: a table of a million classes and a million clusters has at most n
of them.
"""

from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Int, Shaped

from scratchclust.errors import InputError
from scratchclust.metrics.labels import NOISE, Labels, as_labels


class CrossTable(NamedTuple):
    """The non-empty cells of the table classes x clusters, in row order."""

    classes: Shaped[np.ndarray, " n_classes"]  # the names of the rows, sorted
    # the names of the columns, sorted; noise, if any, is one of them
    clusters: Shaped[np.ndarray, " n_clusters"]
    rows: Int[np.ndarray, " n_cells"]  # i of each cell
    columns: Int[np.ndarray, " n_cells"]  # j of each cell
    counts: Int[np.ndarray, " n_cells"]  # n_ij > 0 of each cell

    @property
    def class_sizes(self) -> Int[np.ndarray, " n_classes"]:
        """a_i, the points of each class."""
        return _sums(self.rows, self.counts, len(self.classes))

    @property
    def cluster_sizes(self) -> Int[np.ndarray, " n_clusters"]:
        """b_j, the points of each cluster."""
        return _sums(self.columns, self.counts, len(self.clusters))

    @property
    def majorities(self) -> Int[np.ndarray, " n_clusters"]:
        """max_i n_ij of each cluster."""
        majorities = np.zeros(len(self.clusters), dtype=np.int64)
        np.maximum.at(majorities, self.columns, self.counts)
        return majorities

    @property
    def is_noise(self) -> Bool[np.ndarray, " n_clusters"]:
        """Which of the clusters is noise: at most one."""
        if self.clusters.dtype.kind != "i":  # no unsigned number and no string is -1
            return np.zeros(len(self.clusters), dtype=bool)
        return self.clusters == NOISE

    @property
    def contingency(self) -> Int[np.ndarray, "n_classes n_clusters"]:
        """The full table."""
        full = np.zeros((len(self.classes), len(self.clusters)), dtype=np.int64)
        full[self.rows, self.columns] = self.counts
        return full


def cross_table(labels_true: Labels, labels_pred: Labels) -> CrossTable:
    """Count the points of each class in each cluster.

    Args:
        labels_true: [n] integers or strings, the classes.
        labels_pred: [n] integers or strings, the clusters.

    Returns:
        The non-empty cells with the names of rows and columns. Time O(n log n), memory O(n).

    Raises:
        InputError: the labels are empty, of different lengths, not one-dimensional, or no integers
            or strings.
    """
    true = as_labels(labels_true, "labels_true")
    pred = as_labels(labels_pred, "labels_pred")
    if len(true) != len(pred):
        raise InputError(
            "labels_true and labels_pred must name the same points, but have lengths "
            f"{len(true)} and {len(pred)}: pass one label per point in both"
        )
    classes, rows = np.unique(true, return_inverse=True)
    clusters, columns = np.unique(pred, return_inverse=True)
    cells, counts = np.unique(rows.astype(np.int64) * len(clusters) + columns, return_counts=True)
    return CrossTable(
        classes, clusters, cells // len(clusters), cells % len(clusters), counts.astype(np.int64)
    )


def _sums(
    groups: Int[np.ndarray, " n_cells"], counts: Int[np.ndarray, " n_cells"], n: int
) -> Int[np.ndarray, " n_groups"]:
    sums = np.zeros(n, dtype=np.int64)
    np.add.at(sums, groups, counts)
    return sums
