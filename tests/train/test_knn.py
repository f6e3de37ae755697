"""The vote of neighbours: by hand, NumPy against JAX, and against scikit-learn's neighbours."""

import re

import numpy as np
import pytest
from sklearn.neighbors import KNeighborsClassifier

from scratchclust import rows
from scratchclust.reference import knn as reference
from scratchclust.train import knn

BOTH = pytest.mark.parametrize("module", [reference, knn], ids=["numpy", "jax"])


@BOTH
class TestByHand:
    CODE = np.array([[1, 0], [4, 3], [3, 4]], np.float32)  # cosines 1, 0.8, 0.6 with the first
    NEW = np.array([[2, 0]], np.float32)

    def accuracy(self, module, labels, label, **settings):
        return module.knn_accuracy(
            self.CODE, np.array(labels), self.NEW, np.array([label]), **settings
        )

    def test_the_nearest_alone(self, module):
        assert self.accuracy(module, [0, 1, 1], 0, n_neighbors=1) == 1

    def test_the_temperature_weighs_the_others(self, module):
        # exp(-0.2 / t) + exp(-0.4 / t) of the class 1, against 1
        assert self.accuracy(module, [0, 1, 1], 1, temperature=1.0) == 1
        assert self.accuracy(module, [0, 1, 1], 0, temperature=0.1) == 1
        assert self.accuracy(module, [0, 1, 1], 0, temperature=1e-3) == 1

    def test_the_lowest_class_of_equal_votes(self, module):
        code = self.CODE[[0, 0]]
        given = code, np.array([2, 1]), self.NEW
        assert module.knn_accuracy(*given, np.array([1])) == 1

    def test_a_class_that_nobody_votes_for(self, module):
        assert self.accuracy(module, [0, 1, 1], 7) == 0


@BOTH
def test_equal_to_scikit_learn(module):
    rng = np.random.default_rng(0)
    labels, new_labels = rng.integers(0, 4, 300), rng.integers(0, 4, 150)
    centres = rng.normal(size=(4, 6))
    Z = (centres[labels] + 1.5 * rng.normal(size=(300, 6))).astype(np.float32)
    new = (centres[new_labels] + 1.5 * rng.normal(size=(150, 6))).astype(np.float32)
    peer = KNeighborsClassifier(
        20, metric="cosine", algorithm="brute", weights=lambda distances: np.exp(-distances / 0.1)
    )
    expected = peer.fit(Z, labels).score(new, new_labels)
    found = module.knn_accuracy(Z, labels, new, new_labels, n_neighbors=20)
    assert 0.4 < expected < 0.95
    assert found == pytest.approx(expected)


def test_an_accelerator_sorts_no_row_of_all_who_vote():
    """`top_k` of more than 16 sorts all that it is given there: the groups' maxima, then the
    groups that were chosen, never the 8,192 numbers of a row.
    """
    n_train, n_neighbors = 8192, 20
    data = rows.Rows((rows.split(np.ones((128, 4), np.float32), block=128),), rows.mesh())
    U = np.ones((n_train, 4), np.float32)
    given = data, U, np.zeros(n_train, np.int32), 0.1
    traced = knn._vote.trace(*given, n_neighbors=n_neighbors, n_classes=3)
    text = traced.lower(lowering_platforms=("cuda",)).as_text()
    widths = [int(width) for width in re.findall(r"top_k\(.*? : tensor<128x(\d+)xf32> ->", text)]
    assert len(widths) == 2
    assert max(widths) <= n_train / 8
