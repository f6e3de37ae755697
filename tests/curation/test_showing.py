"""What to show of clusters: by hand, and what must hold for any input."""

import numpy as np
import pytest

from scratchclust.curation.duplicates import Group
from scratchclust.curation.showing import Shown, outliers, shown


def test_by_hand() -> None:
    labels = np.array([0, 0, 0, 0, 0, 0, 1, -1])
    distance = np.array([3.0, 1, 2, 9, 4, 5, 1, 7])
    confidence = np.array([1.0, 0.2, 1, 0.5, 1, 0.9, 1, 0])
    first, second, noise = shown(
        labels, distance, confidence, seed=0, n_representatives=2, n_random=2, n_doubtful=2
    )
    # of the surer half 0, 2, 4; 1 and 3 are the least sure
    assert first == Shown(0, 6, (2, 0), first.random, (1, 3))
    assert sorted(first.random) == [4, 5]
    assert second == Shown(1, 1, (6,), (), ())
    assert noise == Shown(-1, 1, (7,), (), ())


def test_of_near_duplicates_one_represents() -> None:
    labels = np.zeros(6, int)
    distance = np.arange(6.0)
    groups = (Group(1, (0, 1, 3), 3, "sharpest"),)
    found = shown(labels, distance, None, seed=0, n_representatives=3, groups=groups)[0]
    assert found.representatives == (0, 2, 4)
    assert found.doubtful == ()  # nothing is known of confidence


@pytest.mark.parametrize("known", ["both", "distance", "confidence", "neither"])
@pytest.mark.parametrize("seed", range(10))
def test_whatever_is_known_each_picture_is_shown_once(seed: int, known: str) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.integers(-1, 4, 200)
    distance = rng.exponential(size=200) if known in ("both", "distance") else None
    confidence = rng.choice([0.4, 0.7, 1.0], 200) if known in ("both", "confidence") else None
    if distance is not None:
        distance[:5] = np.nan
    found = shown(labels, distance, confidence, seed=seed)
    assert [one.cluster for one in found] == [0, 1, 2, 3, -1]
    for one in found:
        everyone = [*one.representatives, *one.random, *one.doubtful]
        assert len(everyone) == len(set(everyone))
        assert (labels[everyone] == one.cluster).all()
        assert one.n == (labels == one.cluster).sum()
        assert len(one.representatives) == 12
        assert len(one.doubtful) == (12 if confidence is not None else 0)
        if confidence is not None:
            assert confidence[list(one.doubtful)].max() < 1
            least = np.sort(confidence[labels == one.cluster])
            assert confidence[list(one.representatives)].min() >= np.median(least)
    assert found == shown(labels, distance, confidence, seed=seed)
    others = shown(labels, distance, confidence, seed=seed + 1)
    assert [one.random for one in others] != [one.random for one in found]
    assert [one.representatives for one in others] == [one.representatives for one in found]


def test_a_small_cluster_shows_what_it_has() -> None:
    found = shown(np.array([2, 2, 2]), np.array([1.0, 2, 3]), np.ones(3), seed=0)
    assert found == (Shown(2, 3, (0, 1, 2), (), ()),)


def test_the_strangest_come_first_by_hand() -> None:
    """Median 5, deviations 4 to 0 and up: MAD 2, so 5 + 5 * 1.4826 * 2 = 19.8 is the bound."""
    labels = np.zeros(9, int)
    distance = np.array([3.0, 20, 4, 5, 30, 6, 7, 4, 3])
    assert outliers(labels, distance).tolist() == [4, 1]
    assert outliers(labels, distance, most=1).tolist() == [4]
    distance[1] = 17
    assert outliers(labels, distance).tolist() == [4]


def test_distances_count_by_the_cluster_that_they_belong_to() -> None:
    """10 is nothing among distances about 10, and strange among those about 1."""
    labels = np.repeat([0, 1], 20)
    distance = np.concatenate([np.linspace(8, 12, 20), np.linspace(0.8, 1.2, 20)])
    distance[25] = 10
    assert outliers(labels, distance).tolist() == [25]


def test_nothing_stands_out_where_all_are_alike_few_or_of_no_cluster() -> None:
    distance = np.ones(20)
    assert outliers(np.zeros(20, int), distance).tolist() == []
    assert outliers(np.zeros(20, int), np.zeros(20)).tolist() == []
    distance[3] = 1.2  # no more than a quarter above
    assert outliers(np.zeros(20, int), distance).tolist() == []
    distance[3] = 100
    assert outliers(np.full(20, -1), distance).tolist() == []
    assert outliers(np.arange(20), distance).tolist() == []
    assert outliers(np.zeros(20, int), np.full(20, np.nan)).tolist() == []


@pytest.mark.parametrize("seed", range(20))
def test_of_a_bell_none_is_an_outlier_and_order_changes_nothing(seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, 300)
    distance = np.linalg.norm(rng.normal(size=(300, 8)), axis=1)
    assert outliers(labels, distance).tolist() == []
    distance[:3] += [20, 30, 40]
    order = rng.permutation(300)
    assert outliers(labels, distance).tolist() == [2, 1, 0] or len(set(labels[:3])) > 1
    assert (
        order[outliers(labels[order], distance[order])].tolist()
        == outliers(labels, distance).tolist()
    )
