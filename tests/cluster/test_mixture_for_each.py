"""Gaussian mixtures for several numbers of components in one set of programs: the mixtures are
those of EM for each number alone.
"""

from dataclasses import replace
from functools import partial

import jax
import numpy as np
import pytest

from scratchclust import rows
from scratchclust.cluster import gaussian_mixture
from scratchclust.cluster.covariances import type_of
from scratchclust.cluster.gaussian_mixture_parts import points as mixture_points
from scratchclust.cluster.gaussian_mixture_parts import steps
from scratchclust.cluster.gaussian_mixture_parts.sums import expect_points, expect_sums, given_sums
from scratchclust.cluster.kmeans_for_each import kmeans_for_each
from scratchclust.cluster.mixture_for_each import mixtures_for_each
from scratchclust.constants import COVARIANCE_TYPES
from scratchclust.errors import InputError

KEY = jax.random.key(0)
KS = [1, 3, 4]
each_type = pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)


def blobs(n: int = 300, d: int = 4) -> np.ndarray:
    """Four clouds that touch."""
    rng = np.random.default_rng(0)
    centres = 2.5 * rng.normal(size=(4, d))
    return (centres[np.arange(n) % 4] + rng.normal(size=(n, d))).astype(np.float32)


@pytest.mark.full
@each_type
def test_labels_are_those_of_em_for_each_number(covariance_type: str) -> None:
    X = blobs()
    found = mixtures_for_each(X, KS, key=KEY, covariance_type=covariance_type)
    for k, start, labels in zip(KS, kmeans_for_each(X, KS, key=KEY), found, strict=True):
        one_hot = np.eye(k, dtype=np.float32)[start]
        first = gaussian_mixture.m_step(X, one_hot, covariance_type=covariance_type)
        alone = gaussian_mixture.em(X, first, covariance_type=covariance_type)
        np.testing.assert_array_equal(labels, alone.labels)
        assert labels.dtype == np.int32


@pytest.mark.full
def test_one_program_serves_for_all_numbers() -> None:
    X = blobs(200)
    of_pass = steps.expect_and_sum, steps.sum_given, steps.expect
    before = [program._cache_size() for program in of_pass]
    mixtures_for_each(X, [2, 3, 5, 7], key=KEY, covariance_type="diag")
    after = [program._cache_size() for program in of_pass]
    assert [b - a for a, b in zip(before, after, strict=True)] == [1, 1, 1]


@pytest.mark.full
@each_type
@pytest.mark.parametrize("arithmetic", ["float32", "differences"])
def test_room_changes_nothing(covariance_type: str, arithmetic: str) -> None:
    X = blobs(60)
    kind = type_of(covariance_type)
    placed = mixture_points.place(X, X.mean(axis=0, dtype=np.float64), 3, kind)
    points = mixture_points._place(replace(placed, arithmetic=arithmetic))
    wide = replace(points, room=5)
    labels = np.arange(60, dtype=np.int32) % 3
    mixture = points.centred(
        gaussian_mixture.m_step(
            X, np.eye(3, dtype=np.float32)[labels], covariance_type=covariance_type
        )
    )
    centres = mixture.means + 0.1 if points.by_differences else None
    for sums_of in (partial(expect_sums, mixture=mixture), partial(given_sums, given=labels)):
        expected, likelihood = sums_of(points, centres)
        found, of_wide = sums_of(wide, centres)
        for ours, theirs in zip(found, expected, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(of_wide, likelihood, rtol=1e-5)
    for with_responsibilities in (True, False):
        asked = {"with_responsibilities": with_responsibilities}
        for ours, theirs in zip(
            expect_points(wide, mixture, **asked),
            expect_points(points, mixture, **asked),
            strict=True,
        ):
            np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dtype", [np.float32, np.uint8])
def test_a_gpu_is_sent_the_points_once(accelerator_road: None, dtype: type) -> None:
    """For start, iterations and labels; so it finds what it finds of points that are there."""
    X = (blobs(120) * 9 + 100).astype(dtype)
    given = {"key": KEY, "covariance_type": "diag", "max_iter": 5}
    found = gaussian_mixture.gaussian_mixture(X, 3, **given)
    assert isinstance(rows.resident(X), jax.Array)
    there = gaussian_mixture.gaussian_mixture(jax.numpy.asarray(X), 3, **given)
    np.testing.assert_array_equal(found.labels, there.labels)
    for ours, theirs in zip(found.mixture, there.mixture, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_more_components_than_points_are_refused() -> None:
    with pytest.raises(InputError, match="the number of points"):
        mixtures_for_each(blobs(5), [2, 6], key=KEY)
