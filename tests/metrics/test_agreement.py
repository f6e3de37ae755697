"""Agreement scores: goldens by hand, scikit-learn's values, brute force over matchings, invariances
and refusals.
"""

import itertools
import math
import subprocess
import sys
import tracemalloc
from pathlib import Path

import jax.numpy as jnp
import numpy as np
import pytest
from sklearn import metrics as sk

from scratchclust.errors import InputError
from scratchclust.metrics import agreement
from scratchclust.metrics.agreement import (
    adjusted_rand_score,
    clustering_accuracy,
    completeness_score,
    contingency_matrix,
    cross_table,
    homogeneity_score,
    match_clusters,
    mean_cluster_purity,
    normalized_mutual_info_score,
    purity_score,
    v_measure_score,
)

SAME_AS_SKLEARN = ["normalized_mutual_info_score", "adjusted_rand_score"]
SAME_AS_SKLEARN += ["homogeneity_score", "completeness_score", "v_measure_score"]
ALL_SCORES = [clustering_accuracy, purity_score, mean_cluster_purity]
ALL_SCORES += [getattr(agreement, name) for name in SAME_AS_SKLEARN]

# Three clusters of sizes 4, 3, 2 over two classes of sizes 5 and 4.
TRUE = ["a", "a", "a", "b", "a", "b", "b", "b", "a"]
PRED = [7, 7, 7, 7, 3, 3, 3, 5, 5]


def random_labelings(
    seed: int, *, n_max: int = 200, k_max: int = 12
) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(1, n_max))
    true = rng.integers(0, rng.integers(1, k_max), n)
    pred = np.where(rng.random(n) < rng.random(), true, rng.integers(0, rng.integers(1, k_max), n))
    return true, pred


def test_contingency_by_hand() -> None:
    np.testing.assert_array_equal(contingency_matrix(TRUE, PRED), [[1, 1, 3], [2, 1, 1]])
    table = cross_table(TRUE, PRED)
    assert table.classes.tolist() == ["a", "b"]
    assert table.clusters.tolist() == [3, 5, 7]


def test_scores_by_hand() -> None:
    assert (
        clustering_accuracy(TRUE, PRED) == 5 / 9
    )  # 7 is a (3 right), 3 is b (2 right), 5 is nothing
    assert purity_score(TRUE, PRED) == 6 / 9  # 3 + 2 + 1
    assert mean_cluster_purity(TRUE, PRED) == pytest.approx((3 / 4 + 2 / 3 + 1 / 2) / 3)
    # index = 3 + 1, A = 10 + 6, B = 3 + 1 + 6, N = 36
    assert adjusted_rand_score(TRUE, PRED) == pytest.approx((4 - 160 / 36) / (13 - 160 / 36))


def test_information_by_hand() -> None:
    """Two classes of two, the first split in two clusters: I = log 2, H(C) = log 2, H(K) = 1.5 log
    2.
    """
    true, pred = [0, 0, 1, 1], [0, 1, 2, 2]
    assert homogeneity_score(true, pred) == pytest.approx(1)
    assert completeness_score(true, pred) == pytest.approx(2 / 3)
    assert normalized_mutual_info_score(true, pred) == pytest.approx(0.8)
    assert v_measure_score(true, pred, beta=2.0) == pytest.approx(3 * (2 / 3) / (2 + 2 / 3))


@pytest.mark.parametrize("name", SAME_AS_SKLEARN)
def test_equals_scikit_learn(name: str) -> None:
    for seed in range(100):
        true, pred = random_labelings(seed)
        ours, theirs = getattr(agreement, name)(true, pred), getattr(sk, name)(true, pred)
        assert ours == pytest.approx(theirs, abs=1e-10), f"seed {seed}"


@pytest.mark.parametrize("beta", [0.1, 0.5, 1.0, 4.0])
def test_v_measure_with_beta_equals_scikit_learn(beta: float) -> None:
    for seed in range(30):
        true, pred = random_labelings(seed)
        ours, theirs = (
            v_measure_score(true, pred, beta=beta),
            sk.v_measure_score(true, pred, beta=beta),
        )
        assert ours == pytest.approx(theirs, abs=1e-10), f"seed {seed}"


def test_contingency_equals_scikit_learn() -> None:
    for seed in range(30):
        true, pred = random_labelings(seed)
        np.testing.assert_array_equal(
            contingency_matrix(true, pred), sk.cluster.contingency_matrix(true, pred)
        )


def best_over_all_renamings(true: np.ndarray, pred: np.ndarray) -> float:
    """Accuracy from its definition: every injective naming of clusters, padded with names that no
    class has.
    """
    clusters, classes = np.unique(pred), np.unique(true)
    names = [*classes, *(-100 - j for j in range(len(clusters)))]
    best = 0.0
    for naming in itertools.permutations(names, len(clusters)):
        renamed = np.array(naming)[np.searchsorted(clusters, pred)]
        best = max(best, float(np.mean(renamed == true)))
    return best


@pytest.mark.parametrize("seed", range(20))
def test_accuracy_equals_brute_force(seed: int) -> None:
    true, pred = random_labelings(seed, n_max=12, k_max=5)
    assert clustering_accuracy(true, pred) == best_over_all_renamings(true, pred)


def test_accuracy_equals_the_dense_matching() -> None:
    """On tables of many shapes, sparse and full, with clusters, classes and noise left over."""
    for seed in range(300):
        rng = np.random.default_rng(seed)
        n, k_true, k_pred = rng.integers(1, 120), rng.integers(1, 50), rng.integers(1, 50)
        true = rng.integers(0, k_true, n)
        pred = np.where(rng.random(n) < rng.random(), true, rng.integers(-1, k_pred, n))
        matching = match_clusters(true, pred)
        columns = np.flatnonzero(matching.matched_class >= 0)
        right = matching.contingency[matching.matched_class[columns], columns].sum()
        assert clustering_accuracy(true, pred) == right / n, f"seed {seed}"


@pytest.mark.full
def test_accuracy_of_many_clusters_needs_no_full_table() -> None:
    """The table would be 3 GiB; the matching is known: a cluster for each class, and a point in
    forty is noise.
    """
    true = np.repeat(np.arange(20_000), 4)
    pred = np.random.default_rng(0).permutation(20_000)[true]
    pred[::40] = -1
    tracemalloc.start()
    try:
        assert clustering_accuracy(true, pred) == pytest.approx(1 - 1 / 40)
        assert tracemalloc.get_traced_memory()[1] < 100e6
    finally:
        tracemalloc.stop()


def test_one_to_one_is_better_than_greedy() -> None:
    """Taking the largest cell (5) first leaves 0; the best matching is 4 + 4."""
    true = [0] * 9 + [1] * 4
    pred = [0] * 5 + [1] * 4 + [0] * 4
    assert clustering_accuracy(true, pred) == 8 / 13


@pytest.mark.parametrize("score", ALL_SCORES)
def test_names_do_not_matter(score) -> None:
    for seed in range(20):
        true, pred = random_labelings(seed)
        rng = np.random.default_rng(seed)
        new_true = np.array([f"class {i}" for i in rng.permutation(20)])[true]
        new_pred = rng.permutation(20)[pred] + 5
        assert score(new_true, new_pred) == pytest.approx(score(true, pred), abs=1e-12), (
            f"seed {seed}"
        )


@pytest.mark.parametrize("score", ALL_SCORES)
def test_order_of_points_does_not_matter(score) -> None:
    for seed in range(20):
        true, pred = random_labelings(seed)
        order = np.random.default_rng(seed).permutation(len(true))
        assert score(true[order], pred[order]) == pytest.approx(score(true, pred), abs=1e-12), (
            f"seed {seed}"
        )


@pytest.mark.parametrize("score", ALL_SCORES)
def test_equal_partitions_score_one_and_all_stay_in_range(score) -> None:
    for seed in range(20):
        true, pred = random_labelings(seed)
        assert score(true, (true * 7 + 3) % 101) == pytest.approx(1)
        assert -0.5 <= score(true, pred) <= 1 + 1e-12


@pytest.mark.parametrize(
    "score", [normalized_mutual_info_score, adjusted_rand_score, v_measure_score]
)
def test_symmetric(score) -> None:
    for seed in range(20):
        true, pred = random_labelings(seed)
        assert score(true, pred) == pytest.approx(score(pred, true), abs=1e-12)


EDGES = {
    "one point": ([0], [5]),
    "one cluster": ([0, 0, 1, 1], [3, 3, 3, 3]),
    "one class": ([3, 3, 3, 3], [0, 0, 1, 1]),
    "one of both": ([1, 1, 1], [4, 4, 4]),
    "each its own": ([0, 0, 1, 1], [0, 1, 2, 3]),
    "each its own in both": ([0, 1, 2], [5, 4, 3]),
    "independent": ([0, 0, 1, 1], [0, 1, 0, 1]),
}


@pytest.mark.parametrize("edge", EDGES)
@pytest.mark.parametrize("name", SAME_AS_SKLEARN)
def test_edges_equal_scikit_learn(name: str, edge: str) -> None:
    true, pred = EDGES[edge]
    assert getattr(agreement, name)(true, pred) == pytest.approx(
        getattr(sk, name)(true, pred), abs=1e-12
    )


def test_edges_of_accuracy_and_purity() -> None:
    assert clustering_accuracy(*EDGES["one cluster"]) == 0.5
    assert purity_score(*EDGES["one cluster"]) == 0.5
    assert clustering_accuracy(*EDGES["each its own"]) == 0.5
    assert purity_score(*EDGES["each its own"]) == 1.0
    assert mean_cluster_purity(*EDGES["each its own"]) == 1.0
    assert clustering_accuracy(*EDGES["one class"]) == 0.5


def test_noise_is_never_matched_and_wrong_in_purity() -> None:
    true, pred = [0, 0, 0, 1, 1, 1], [0, 0, -1, -1, -1, -1]
    assert (
        clustering_accuracy(true, pred) == 2 / 6
    )  # as a cluster, noise would have been matched to class 1
    assert purity_score(true, pred) == 2 / 6
    assert mean_cluster_purity(true, pred) == 1.0


def test_all_noise() -> None:
    true, pred = [0, 1, 1], [-1, -1, -1]
    assert [
        score(true, pred) for score in (clustering_accuracy, purity_score, mean_cluster_purity)
    ] == [0, 0, 0]
    assert match_clusters(true, pred).matched_class.tolist() == [-1]


def test_noise_is_a_cluster_for_partition_scores() -> None:
    true, pred = np.array([0, 0, 1, 1, 2]), np.array([0, 0, -1, -1, -1])
    renamed = np.where(pred == -1, 9, pred)
    for score in (normalized_mutual_info_score, adjusted_rand_score, v_measure_score):
        assert score(true, pred) == score(true, renamed)


def test_minus_one_is_noise_among_predicted_labels_only() -> None:
    assert clustering_accuracy([-1, -1, 0], [1, 1, 0]) == 1.0
    assert purity_score(["a", "b"], ["-1", "x"]) == 1.0


def test_matching_is_laid_out_for_a_confusion_matrix() -> None:
    true = [0, 0, 0, 1, 1, 1, 0, 1, 1, 0]
    pred = [8, 8, 8, 2, 2, 2, 5, 6, 6, -1]
    matching = match_clusters(true, pred)
    assert matching.clusters.tolist() == [8, 2, 6, 5, -1]
    assert matching.matched_class.tolist() == [0, 1, -1, -1, -1]
    np.testing.assert_array_equal(matching.contingency, [[3, 0, 0, 1, 1], [0, 3, 2, 0, 0]])


def test_matching_with_fewer_clusters_than_classes() -> None:
    matching = match_clusters([0, 1, 1, 2, 2, 2], [4, 4, 4, 9, 9, 9])
    assert matching.clusters.tolist() == [4, 9]
    assert matching.matched_class.tolist() == [1, 2]
    assert clustering_accuracy([0, 1, 1, 2, 2, 2], [4, 4, 4, 9, 9, 9]) == 5 / 6


@pytest.mark.full
def test_two_million_points_do_not_overflow() -> None:
    """ARI of two equal halves, a quarter exchanged, from its formula in Python's integers."""
    n = 2_000_000
    true = np.repeat(np.array([0, 1], dtype=np.int8), n // 2)
    pred = np.roll(true, n // 8)
    agree, differ = 3 * n // 8, n // 8
    index = 2 * math.comb(agree, 2) + 2 * math.comb(differ, 2)
    pairs, total = 2 * math.comb(n // 2, 2), math.comb(n, 2)
    expected = pairs * pairs / total
    assert adjusted_rand_score(true, pred) == pytest.approx(
        (index - expected) / (pairs - expected), abs=1e-12
    )
    theirs = sk.normalized_mutual_info_score(true, pred)
    assert normalized_mutual_info_score(true, pred) == pytest.approx(theirs, abs=1e-10)


def test_a_million_singletons_need_no_full_table() -> None:
    labels = np.arange(1_000_000)
    for score in (adjusted_rand_score, normalized_mutual_info_score, purity_score):
        assert score(labels, labels[::-1]) == pytest.approx(1)


@pytest.mark.parametrize(
    "labels",
    [
        np.array([0, 1, 1], dtype=np.uint8),
        np.array([0.0, 1.0, 1.0]),
        np.array([False, True, True]),
        np.array(["x", "y", "y"]),
        np.array(["x", "y", "y"], dtype=object),
        ["x", "y", "y"],
        (4, 9, 9),
        jnp.array([0, 1, 1]),
    ],
    ids=lambda labels: type(labels).__name__ + str(getattr(labels, "dtype", "")),
)
def test_kinds_of_labels(labels) -> None:
    for score in ALL_SCORES:
        assert score([0, 1, 1], labels) == pytest.approx(1)


@pytest.mark.parametrize("score", ALL_SCORES)
def test_scores_are_plain_floats(score) -> None:
    assert type(score([0, 1, 1], [0, 0, 1])) is float


REFUSED = {
    "empty": ([], [], "labels_true is empty: a score needs at least one point"),
    "lengths": (
        [0, 1],
        [0, 1, 1],
        "same points, but have lengths 2 and 3: pass one label per point",
    ),
    "two-dimensional": (
        [[0, 1]],
        [[0, 1]],
        r"labels_true must have one dimension, but has shape \(1, 2\)",
    ),
    "scalar": ([0], 3, r"labels_pred must have one dimension, but has shape \(\)"),
    "ragged": ([[0], [1, 2]], [0, 1], "labels_true must be a flat list of labels"),
    "NaN": (
        [0, 1],
        [0.0, math.nan],
        "labels_pred must be integers or strings without gaps, but holds nan",
    ),
    "fraction": (
        [0, 1],
        [0.5, 1.0],
        "labels_pred must be integers or strings without gaps, but holds 0.5",
    ),
    "infinity": (
        [0, 1],
        [0.0, math.inf],
        "labels_pred must be integers or strings without gaps, but holds inf",
    ),
    "None": (
        [0, None],
        [0, 1],
        "labels_true must be integers or strings without gaps, but holds None",
    ),
    "complex": (
        [1j, 0],
        [0, 1],
        "labels_true must be integers or strings without gaps, but holds 1j",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
@pytest.mark.parametrize("score", [*ALL_SCORES, contingency_matrix, match_clusters])
def test_refusals(score, case: str) -> None:
    true, pred, message = REFUSED[case]
    with pytest.raises(InputError, match=message):
        score(true, pred)


@pytest.mark.parametrize("beta", [-1.0, math.nan, math.inf])
def test_beta_must_be_a_number_of_at_least_zero(beta: float) -> None:
    with pytest.raises(InputError, match="expected beta to be a finite number of at least 0, got"):
        v_measure_score([0, 1], [0, 1], beta=beta)


def test_agreement_needs_no_jax() -> None:
    """Loaded past `metrics/__init__.py`, whose other members do need it."""
    code = (
        "import sys, types; "
        "package = types.ModuleType('scratchclust.metrics'); "
        f"package.__path__ = [{str(Path(agreement.__file__).parent)!r}]; "
        "sys.modules['scratchclust.metrics'] = package; "
        "from scratchclust.metrics.agreement import purity_score; "
        "assert purity_score([0, 0], [1, 1]) == 1; "
        "print('jax' in sys.modules or 'sklearn' in sys.modules)"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert shown.stdout.strip() == "False"


@pytest.mark.skipif(not hasattr(np.dtypes, "StringDType"), reason="NumPy 1")
def test_strings_of_any_length() -> None:
    kind = np.dtypes.StringDType(na_object=None)
    for score in ALL_SCORES:
        assert score(
            [0, 1, 1], np.array(["a", "a longer name", "a longer name"], kind)
        ) == pytest.approx(1)
    with pytest.raises(
        InputError, match="labels_pred must be integers or strings without gaps, but holds None"
    ):
        clustering_accuracy([0, 1], np.array(["a", None], kind))


@pytest.mark.parametrize("kind", ["Int64", "Float64", "string", "category", "object", "boolean"])
def test_columns_of_tables(kind: str) -> None:
    pandas = pytest.importorskip("pandas")
    for score in ALL_SCORES:
        assert score([0, 1, 1], pandas.Series([0, 1, 1]).astype(kind)) == pytest.approx(1)
    with_gap = pandas.Series([0, None, 1], dtype="Int64")
    with pytest.raises(
        InputError,
        match=r"labels_pred must be integers or strings without gaps, but holds (<NA>|nan)",
    ):
        clustering_accuracy([0, 1, 1], with_gap)


def test_integers_of_python_in_an_array_of_objects() -> None:
    objects = np.array([1, 2, 2, -1], dtype=object)  # as pandas gives a column that once had gaps
    assert clustering_accuracy([1, 2, 2, 1], objects) == 0.75
    with pytest.raises(
        InputError, match="must be integers or strings without gaps, but holds None"
    ):
        clustering_accuracy([1, 2], np.array([1, None], dtype=object))


@pytest.mark.parametrize("seed", range(20))
def test_scores_of_equal_partitions_do_not_exceed_one(seed: int) -> None:
    labels = np.random.default_rng(seed).integers(seed + 2, size=977)
    for score in (
        normalized_mutual_info_score,
        homogeneity_score,
        completeness_score,
        v_measure_score,
    ):
        assert 1 - 1e-12 < score(labels, (labels + 1) % (seed + 2)) <= 1
