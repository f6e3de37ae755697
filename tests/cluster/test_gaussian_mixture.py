"""Gaussian mixture: by hand for both twins, scikit-learn, the likelihood that rises, k-means as a
limit.
"""

import ast
from pathlib import Path
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest
import sklearn.mixture
from sklearn.datasets import load_digits

import scratchclust
from scratchclust import GaussianMixture, persist, rows
from scratchclust.cluster import covariances as fast_covariances
from scratchclust.cluster import gaussian_mixture as fast
from scratchclust.cluster import mixtures as fast_mixtures
from scratchclust.cluster.gaussian_mixture_parts import em as em_of_fast
from scratchclust.cluster.gaussian_mixture_parts import points as mixture_points
from scratchclust.cluster.gaussian_mixture_parts import steps as mixture_steps
from scratchclust.cluster.kmeans import lloyd
from scratchclust.constants import COVARIANCE_TYPES
from scratchclust.errors import InputError
from scratchclust.reference import covariances as reference_covariances
from scratchclust.reference import gaussian_mixture as reference
from scratchclust.reference import mixtures as reference_mixtures
from scratchclust.results import Mixture

TWINS = [pytest.param(reference, id="numpy"), pytest.param(fast, id="jax")]
each_twin = pytest.mark.parametrize("twin", TWINS)
each_type = pytest.mark.parametrize("covariance_type", COVARIANCE_TYPES)


def points(seed: int = 0, n: int = 90, d: int = 3) -> np.ndarray:
    """Three overlapping clouds of different width, in coordinates that float32 holds."""
    rng = np.random.default_rng(seed)
    centres = 4 * rng.normal(size=(3, d))
    widths = np.array([0.5, 1, 2])
    member = rng.integers(3, size=n)
    return (
        (centres[member] + widths[member, None] * rng.normal(size=(n, d)))
        .astype(np.float32)
        .astype(np.float64)
    )


def start(X: np.ndarray, covariance_type: str, n_components: int = 3) -> Mixture:
    """The mixture of the clusters around the first points."""
    labels = ((X[:, None] - X[None, :n_components]) ** 2).sum(axis=2).argmin(axis=1)
    return reference.m_step(X, np.eye(n_components)[labels], covariance_type=covariance_type)


def precisions(mixture: Mixture, covariance_type: str) -> np.ndarray:
    return (
        np.linalg.inv(mixture.covariances)
        if covariance_type in ("full", "tied")
        else 1 / mixture.covariances
    )


def peer(mixture: Mixture, covariance_type: str, **parameters: Any) -> Any:
    """scikit-learn's EM, from this mixture."""
    return sklearn.mixture.GaussianMixture(
        len(mixture.weights),
        covariance_type=covariance_type,
        weights_init=mixture.weights,
        means_init=mixture.means,
        precisions_init=precisions(mixture, covariance_type),
        init_params="random",
        random_state=0,
        **parameters,
    )


@each_twin
def test_expectation_by_hand(twin: ModuleType) -> None:
    """Two normal distributions of variance 1 about -1 and 1, of weights 1/4 and 3/4: at 0 the odds
    are the weights.
    """
    for covariance_type, covariances in (
        ("full", np.ones((2, 1, 1))),
        ("tied", np.ones((1, 1))),
        ("diag", np.ones((2, 1))),
    ):
        mixture = Mixture(
            np.array([0.25, 0.75]), np.array([[-1.0], [1.0]]), covariances, covariances
        )
        log_likelihood, responsibilities = twin.e_step(
            np.array([[0.0], [1.0]]), mixture, covariance_type=covariance_type
        )
        np.testing.assert_allclose(log_likelihood[0], -0.5 - np.log(2 * np.pi) / 2, rtol=1e-6)
        odds = 3 * np.exp(2)
        np.testing.assert_allclose(
            responsibilities, [[0.25, 0.75], [1 / (1 + odds), odds / (1 + odds)]], rtol=1e-5
        )


@each_twin
def test_maximisation_by_hand(twin: ModuleType) -> None:
    """The corners of a rectangle of 4 x 2 and a point far away, half of which belongs to each
    component.
    """
    X = np.array([[0, 0], [4, 0], [0, 2], [4, 2], [20, 1.0]])
    responsibilities = np.array([[1, 0], [1, 0], [1, 0], [1, 0], [0, 1.0]])
    expected = {
        "full": [[[4, 0], [0, 1]], [[0, 0], [0, 0]]],
        "tied": [[3.2, 0], [0, 0.8]],
        "diag": [[4, 1], [0, 0]],
        "spherical": [2.5, 0],
    }
    for covariance_type, covariances in expected.items():
        mixture = twin.m_step(X, responsibilities, covariance_type=covariance_type, reg_covar=1e-3)
        ridge = 1e-3 * (np.eye(2) if covariance_type in ("full", "tied") else 1)
        np.testing.assert_allclose(mixture.weights, [0.8, 0.2], rtol=1e-12)
        np.testing.assert_allclose(mixture.means, [[2, 1], [20, 1]], rtol=1e-7)
        np.testing.assert_allclose(
            mixture.covariances, np.array(covariances) + ridge, rtol=1e-6, atol=1e-9
        )
        P = mixture.precisions_cholesky
        inverse = P @ np.swapaxes(P, -1, -2) if covariance_type in ("full", "tied") else P**2
        np.testing.assert_allclose(
            inverse, precisions(mixture, covariance_type), rtol=1e-9, atol=1e-9
        )


@each_twin
@each_type
def test_equals_scikit_learn_from_the_same_start(twin: ModuleType, covariance_type: str) -> None:
    for seed in range(2):
        X = points(seed)
        beginning = start(X, covariance_type)
        expected = peer(beginning, covariance_type, tol=1e-5, max_iter=500).fit(X)
        result = twin.em(X, beginning, covariance_type=covariance_type, tol=1e-5, max_iter=500)
        assert result.converged
        assert result.log_likelihood == pytest.approx(expected.score(X), abs=1e-4)
        steps = min(5, expected.n_iter_)
        few = peer(beginning, covariance_type, tol=0, max_iter=steps)
        with pytest.warns(sklearn.exceptions.ConvergenceWarning):
            few.fit(X)
        result = twin.em(X, beginning, covariance_type=covariance_type, tol=0.0, max_iter=steps)
        assert result.n_iter == steps
        assert result.lower_bounds[-1] == pytest.approx(few.lower_bound_, abs=1e-5)
        np.testing.assert_allclose(result.mixture.means, few.means_, atol=1e-3)
        np.testing.assert_allclose(result.mixture.covariances, few.covariances_, atol=1e-3)
        assert (np.asarray(result.labels) == few.predict(X)).mean() > 0.98


@each_type
def test_twins_agree(covariance_type: str) -> None:
    X = points(7)
    slow = reference.em(X, start(X, covariance_type), covariance_type=covariance_type)
    quick = fast.em(
        X.astype(np.float32), start(X, covariance_type), covariance_type=covariance_type
    )
    assert slow.n_iter == quick.n_iter
    assert slow.converged == quick.converged
    np.testing.assert_allclose(quick.lower_bounds, slow.lower_bounds, atol=1e-5)
    np.testing.assert_array_equal(quick.labels, slow.labels)
    for a, b in zip(slow.mixture, quick.mixture, strict=True):
        np.testing.assert_allclose(b, a, atol=1e-3 * np.abs(a).max())


@pytest.mark.quick(1)
@each_type
def test_log_likelihood_never_falls(covariance_type: str) -> None:
    """But for rounding, which in float32 grows with the width of the data in units of the
    components.
    """
    for dtype, twin, rounding in (
        (np.float64, reference, 1e-12),
        (np.float64, fast, 1e-10),
        (np.float32, fast, 1e-4),
    ):
        gains = []
        for seed in range(20):
            X = points(seed).astype(dtype)
            given = {"covariance_type": covariance_type, "tol": 0.0, "max_iter": 12}
            result = twin.em(X, start(X, covariance_type), **given)
            bounds = np.append(result.lower_bounds, result.log_likelihood)
            assert np.diff(bounds).min() > -rounding
            gains.append(bounds[-1] - bounds[0])
        assert np.median(gains) > 0.01


@each_type
def test_responsibilities_are_probabilities_and_likelihoods_densities(covariance_type: str) -> None:
    X = points(3)
    mixture = fast.em(X, start(X, covariance_type), covariance_type=covariance_type).mixture
    log_likelihood, responsibilities = fast.e_step(X, mixture, covariance_type=covariance_type)
    np.testing.assert_allclose(responsibilities.sum(axis=1), 1, atol=1e-5)
    assert (responsibilities >= 0).all()
    np.testing.assert_array_equal(
        log_likelihood, fast.log_likelihoods(X, mixture, covariance_type=covariance_type)
    )
    far = fast.log_likelihoods(X + 1e4, mixture, covariance_type=covariance_type)
    assert np.isfinite(far).all()
    assert (far < -1e6).all()


def test_a_single_component_is_the_mean_and_the_covariance() -> None:
    X = points(2)
    mixture = fast.gaussian_mixture(X, 1, key=jax.random.key(0)).mixture
    np.testing.assert_allclose(mixture.means[0], X.mean(axis=0), atol=1e-5)
    np.testing.assert_allclose(mixture.covariances[0], np.cov(X.T, bias=True), atol=1e-4)


@each_twin
def test_tiny_equal_spheres_are_k_means(twin: ModuleType) -> None:
    """The sharpest of spheres: each point belongs to the nearest mean alone, and a step of EM is a
    step of Lloyd.
    """
    X = points(5)
    means = X[:3]
    tiny = np.full(3, 1e-8)
    spheres = Mixture(np.full(3, 1 / 3), means, tiny, 1 / np.sqrt(tiny))
    for _ in range(3):
        _, responsibilities = twin.e_step(X, spheres, covariance_type="spherical")
        assert set(np.unique(responsibilities)) <= {0, 1}
        step = twin.m_step(X, responsibilities, covariance_type="spherical")
        expected = lloyd(X, spheres.means, max_iter=1)
        np.testing.assert_allclose(step.means, expected.centroids, atol=1e-5)
        spheres = spheres._replace(means=step.means)


@each_type
def test_translation_changes_nothing_but_the_means(covariance_type: str) -> None:
    X = points(6)
    here = fast.em(X, start(X, covariance_type), covariance_type=covariance_type)
    moved = X + 4096.0
    there = fast.em(moved, start(moved, covariance_type), covariance_type=covariance_type)
    assert there.log_likelihood == pytest.approx(here.log_likelihood, abs=1e-4)
    np.testing.assert_allclose(there.mixture.means - 4096, here.mixture.means, atol=1e-3)


@pytest.mark.quick(1)
@each_type
def test_numbers_too_hard_for_float32_equal_scikit_learn(covariance_type: str) -> None:
    """Digits have constant pixels and others that depend on each other; clouds 1e-3 wide at
    distance 100.
    """
    clouds = 1e-3 * points(1) + 100 * np.eye(3)[np.arange(90) % 3]
    for X in (load_digits().data[:300], clouds):
        beginning = start(X, covariance_type)
        expected = peer(beginning, covariance_type, tol=0, max_iter=5)
        with pytest.warns(sklearn.exceptions.ConvergenceWarning):
            expected.fit(X)
        result = fast.em(X, beginning, covariance_type=covariance_type, tol=0.0, max_iter=5)
        assert result.log_likelihood == pytest.approx(expected.score(X), abs=1e-4)


@pytest.mark.full
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@each_type
def test_devices_and_parts_agree(
    covariance_type: str, dtype: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    X = points(4).astype(dtype)
    expected = fast.em(X, start(X, covariance_type), covariance_type=covariance_type)
    for k in (1, 2):
        with rows.on(jax.local_devices()[:k]):
            result = fast.em(X, start(X, covariance_type), covariance_type=covariance_type)
        assert result.log_likelihood == pytest.approx(expected.log_likelihood, abs=1e-5)
        np.testing.assert_array_equal(result.labels, expected.labels)
    monkeypatch.setitem(rows.LIMITS, "cpu", rows.LIMITS["cpu"]._replace(multiplications_per_call=1))
    monkeypatch.setattr(rows, "block_size", lambda n, columns: 8)
    kind = fast_covariances.type_of(covariance_type)
    assert len(mixture_points.place(X, X.mean(axis=0), 3, kind).parts) == 3
    in_parts = fast.em(X, start(X, covariance_type), covariance_type=covariance_type)
    assert in_parts.log_likelihood == pytest.approx(expected.log_likelihood, abs=1e-5)
    np.testing.assert_array_equal(in_parts.labels, expected.labels)
    a, b = (
        twin.e_step(X, in_parts.mixture, covariance_type=covariance_type)[1]
        for twin in (reference, fast)
    )
    np.testing.assert_allclose(b, a, atol=1e-4)
    given = fast.m_step(X, a, covariance_type=covariance_type)
    np.testing.assert_allclose(
        given.means, reference.m_step(X, a, covariance_type=covariance_type).means, atol=1e-5
    )


def test_second_call_compiles_nothing() -> None:
    X = points(8)
    fast.em(X, start(X, "full"), max_iter=3)
    before = mixture_steps.expect_and_sum._cache_size()  # pyright: ignore[reportFunctionMemberAccess]
    fast.em(X + 1, start(X + 1, "full"), max_iter=4)
    assert mixture_steps.expect_and_sum._cache_size() == before  # pyright: ignore[reportFunctionMemberAccess]


@each_twin
def test_starts_from_k_means_and_keeps_the_best(twin: ModuleType) -> None:
    X = points(9)
    given = {"key": jax.random.key(0)} if twin is fast else {"rng": np.random.default_rng(0)}
    one = twin.gaussian_mixture(X, 3, **given)
    more = twin.gaussian_mixture(X, 3, n_init=3, **given)
    expected = sklearn.mixture.GaussianMixture(3, n_init=3, random_state=0).fit(X)
    assert more.log_likelihood >= one.log_likelihood - 1e-3
    assert more.log_likelihood > expected.score(X) - 0.05


@pytest.mark.quick(4)
@each_type
@pytest.mark.parametrize("max_iter", [5, 300])
def test_many_float64_points_end_in_float64(
    covariance_type: str, max_iter: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As many as are not computed with in float64 throughout: the last iterations give the digits
    back.
    """
    monkeypatch.setattr(mixture_points, "MULTIPLICATIONS_IN_FLOAT64", 0)
    X = points(17) + 1e-9 * np.random.default_rng(0).normal(size=(90, 3))  # no numbers of float32
    beginning = reference.start(X, 3, rng=np.random.default_rng(0), covariance_type=covariance_type)
    given = {"covariance_type": covariance_type, "tol": 1e-7, "max_iter": max_iter}
    slow, quick = (twin.em(X, beginning, **given) for twin in (reference, fast))
    assert quick.converged == slow.converged
    assert quick.converged == (max_iter == 300)
    assert abs(quick.n_iter - slow.n_iter) <= 2
    assert quick.log_likelihood == pytest.approx(slow.log_likelihood, abs=1e-6)
    np.testing.assert_allclose(quick.mixture.means, slow.mixture.means, atol=1e-3)
    again = fast.em(X, quick.mixture, covariance_type=covariance_type, tol=0.0, max_iter=1)
    exact = reference.em(X, quick.mixture, covariance_type=covariance_type, tol=0.0, max_iter=1)
    assert again.log_likelihood == pytest.approx(exact.log_likelihood, rel=1e-12)
    np.testing.assert_allclose(
        again.mixture.covariances, exact.mixture.covariances, rtol=1e-8, atol=1e-12
    )


@pytest.mark.quick(2)
@each_twin
@each_type
def test_starts_by_hand(twin: ModuleType, covariance_type: str) -> None:
    """Of two pairs of points: the clusters, spheres about points, and responsibilities that are
    nearly alike.
    """
    X = np.array([[0.0, 0], [0, 2], [10, 0], [10, 2]])
    random = "key" if twin is fast else "rng"
    shape = {"covariance_type": covariance_type, "reg_covar": 0.25}
    of_pair = {
        "full": [[0.25, 0], [0, 1.25]],
        "diag": [0.25, 1.25],
        "spherical": 0.75,
        "tied": [[0.25, 0], [0, 1.25]],
    }
    for seed in range(5):
        given: dict[str, Any] = {
            random: jax.random.key(seed) if twin is fast else np.random.default_rng(seed),
            **shape,
        }
        pairs = twin.start(X, 2, **given)
        np.testing.assert_allclose(sorted(pairs.means.tolist()), [[0, 1], [10, 1]], atol=1e-12)
        np.testing.assert_allclose(pairs.weights, [0.5, 0.5])
        both = (
            of_pair[covariance_type]
            if covariance_type == "tied"
            else [of_pair[covariance_type]] * 2
        )
        np.testing.assert_allclose(pairs.covariances, both, atol=1e-9)
        for init_params in ("k-means++", "random_from_data"):
            spheres = twin.start(X, 2, init_params=init_params, **given)
            assert {tuple(mean) for mean in spheres.means} <= {tuple(x) for x in X}
            assert len(np.unique(spheres.means, axis=0)) == 2
            np.testing.assert_allclose(
                np.unique(spheres.covariances),
                [0.25] if covariance_type[0] == "s" or covariance_type == "diag" else [0, 0.25],
            )
        blurred = twin.start(X, 2, init_params="random", **given)
        assert (abs(blurred.means - X.mean(axis=0)) < 5).all()
        assert blurred.weights.sum() == pytest.approx(1)
        again = twin.gaussian_mixture(
            X,
            2,
            **{
                **given,
                random: jax.random.key(seed) if twin is fast else np.random.default_rng(seed),
            },
            max_iter=0,
        )
        assert (again.n_iter, again.converged) == (0, False)


@each_type
def test_given_parts_take_the_place_of_what_start_found(covariance_type: str) -> None:
    X = points(13)
    whole = start(X, covariance_type)
    inverse = reference_mixtures.precisions(whole, covariance_type=covariance_type)
    for twin, given in (
        (reference, {"rng": np.random.default_rng(0)}),
        (fast, {"key": jax.random.key(0)}),
    ):
        parts = {
            "weights_init": whole.weights,
            "means_init": whole.means.tolist(),
            "precisions_init": inverse,
        }
        found = twin.gaussian_mixture(
            X, 3, covariance_type=covariance_type, n_init=3, **parts, **given
        )
        expected = twin.em(X, whole, covariance_type=covariance_type)
        np.testing.assert_allclose(found.lower_bounds, expected.lower_bounds, rtol=1e-9)
        begun = twin.gaussian_mixture(
            X, 3, covariance_type=covariance_type, max_iter=0, means_init=whole.means, **given
        )
        np.testing.assert_array_equal(begun.mixture.means, whole.means)
        assert begun.mixture.covariances.shape == whole.covariances.shape
    for module in (reference_mixtures, fast_mixtures):
        again = module.given_parts(3, 3, covariance_type=covariance_type, **parts)
        for a, b in zip(again, whole, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


@each_type
def test_samples_of_both_twins_are_of_the_mixture(covariance_type: str) -> None:
    """Means and covariances of 40,000 points within five standard errors, and a score as that of
    the mixture's own.
    """
    X = points(14)
    mixture = reference.em(X, start(X, covariance_type), covariance_type=covariance_type).mixture
    given = {"covariance_type": covariance_type}
    slow = reference_mixtures.sample(mixture, 40_000, rng=np.random.default_rng(0), **given)
    quick = fast_mixtures.sample(mixture, 40_000, key=jax.random.key(0), **given)
    scores = [reference.log_likelihoods(drawn, mixture, **given) for drawn, _ in (slow, quick)]
    assert (
        abs(scores[0].mean() - scores[1].mean())
        < 5 * np.hypot(scores[0].std(), scores[1].std()) / 200
    )
    for drawn, labels in (slow, quick):
        assert drawn.dtype == np.float64
        assert labels.dtype == np.int32
        assert (np.diff(labels) >= 0).all()
        counts = np.bincount(labels, minlength=3)
        np.testing.assert_allclose(counts / 40_000, mixture.weights, atol=5 * 0.5 / 200)
        for j in range(3):
            covariance = (
                mixture.covariances if covariance_type == "tied" else mixture.covariances[j]
            )
            covariance = (
                covariance if covariance.ndim == 2 else np.diag(np.broadcast_to(covariance, 3))
            )
            own = drawn[labels == j]
            error = np.sqrt(np.trace(covariance) / counts[j])
            np.testing.assert_allclose(own.mean(axis=0), mixture.means[j], atol=5 * error)
            np.testing.assert_allclose(
                np.cov(own.T), covariance, atol=5 * error * np.sqrt(2 * np.trace(covariance))
            )


@each_type
def test_labels_are_those_of_the_largest_density(covariance_type: str) -> None:
    """Also so far away that all responsibilities but one are 0, or that two are equal after
    rounding.
    """
    X = np.concatenate([points(15), 1e3 * points(16), 1e6 + points(17)])
    mixture = start(points(15), covariance_type)
    slow, quick = (
        twin.assign(X, mixture, covariance_type=covariance_type) for twin in (reference, fast)
    )
    np.testing.assert_array_equal(slow, quick)
    _, responsibilities = reference.e_step(X, mixture, covariance_type=covariance_type)
    assert (responsibilities[np.arange(len(X)), slow] >= responsibilities.max(axis=1) - 1e-12).all()


@each_twin
def test_em_goes_on_from_an_earlier_bound(twin: ModuleType) -> None:
    X = points(18)
    first = twin.em(X, start(X, "full"), tol=1e-6, max_iter=300)
    before = twin.em(X, start(X, "full"), tol=0.0, max_iter=first.n_iter - 1)
    last = twin.em(X, before.mixture, tol=1e-6, lower_bound=float(before.lower_bounds[-1]))
    assert (last.n_iter, last.converged) == (1, True)
    assert not twin.em(X, before.mixture, tol=1e-6, max_iter=1).converged


@each_twin
def test_errors_teach(twin: ModuleType) -> None:
    X = points()
    mixture = start(X, "full")
    given = {"key": jax.random.key(0)} if twin is fast else {"rng": np.random.default_rng(0)}
    for call in (
        lambda: twin.gaussian_mixture(X, 2, covariance_type="round", **given),
        lambda: twin.e_step(X, mixture, covariance_type="round"),
        lambda: twin.assign(X, mixture, covariance_type="round"),
    ):
        with pytest.raises(
            InputError,
            match=r"expected covariance_type to be one of 'full', 'tied', .*, got 'round'",
        ):
            call()
    with pytest.raises(
        InputError,
        match="expected n_components to be a whole number from 1 to 90, the number of points, "
        "got 91",
    ):
        twin.gaussian_mixture(X, 91, **given)
    with pytest.raises(
        InputError, match=r"expected reg_covar to be a finite number of at least 0, got -1\.0"
    ):
        twin.em(X, mixture, reg_covar=-1.0)
    with pytest.raises(
        InputError, match="expected reg_covar to be a finite number of at least 0, got inf"
    ):
        twin.gaussian_mixture(X, 2, reg_covar=float("inf"), **given)
    with pytest.raises(
        InputError, match=r"expected tol to be a finite number of at least 0, got -1\.0"
    ):
        twin.em(X, mixture, tol=-1.0)
    with pytest.raises(
        InputError, match="expected max_iter to be a whole number of at least 0, got -1"
    ):
        twin.em(X, mixture, max_iter=-1)
    with pytest.raises(
        InputError, match="expected n_init to be a whole number of at least 1, got 0"
    ):
        twin.gaussian_mixture(X, 2, n_init=0, **given)
    with pytest.raises(
        InputError,
        match=r"expected init_params to be one of 'kmeans', 'k-means\+\+', .*, got 'best'",
    ):
        twin.start(X, 2, init_params="best", **given)
    with pytest.raises(
        InputError, match="expected X to be finite, got NaN or infinity: leave out or fill those r"
    ):
        twin.em(np.where(np.arange(90)[:, None] == 0, np.nan, X), mixture)
    with pytest.raises(
        InputError, match=r"a covariance is not positive definite.* increase reg_covar"
    ):
        twin.m_step(
            X, np.eye(90)[:, :2] + np.array([[0, 1]]) * (np.arange(90) > 1)[:, None], reg_covar=0.0
        )


def test_a_wrong_shape_is_refused() -> None:
    with pytest.raises(jaxtyping.TypeCheckError):
        fast.em(np.zeros(3), start(points(), "full"))  # pyright: ignore[reportArgumentType]


@each_type
def test_estimator_equals_scikit_learn(covariance_type: str, tmp_path: Any) -> None:
    X = points(10)
    beginning = start(X, covariance_type)
    model = GaussianMixture(
        3, covariance_type=covariance_type, tol=1e-5, max_iter=500, random_state=0
    ).fit(X)
    expected = peer(beginning, covariance_type)
    expected.weights_ = model.weights_
    expected.means_ = model.means_
    expected.covariances_ = model.covariances_
    expected.precisions_cholesky_ = model.precisions_cholesky_
    assert model.score(X) == pytest.approx(expected.score(X), rel=1e-12)
    assert model.lower_bound_ == model.lower_bounds_[-1]
    assert model.aic(X) == pytest.approx(expected.aic(X), rel=1e-12)
    assert model.bic(X) == pytest.approx(expected.bic(X), rel=1e-12)
    np.testing.assert_allclose(model.predict_proba(X), expected.predict_proba(X), atol=1e-12)
    np.testing.assert_allclose(model.score_samples(X), expected.score_samples(X), rtol=1e-12)
    np.testing.assert_array_equal(model.predict(X), model.labels_)
    model.save(tmp_path / "model")
    again = persist.load(tmp_path / "model")
    np.testing.assert_array_equal(again.predict_proba(X), model.predict_proba(X))
    assert again.lower_bound_ == model.lower_bound_


def test_estimator_takes_jax_arrays_and_prints(capsys: pytest.CaptureFixture) -> None:
    X = jnp.asarray(points(11), jnp.float32)
    model = GaussianMixture(3, random_state=0, verbose=2, verbose_interval=1).fit(X)
    assert all(
        isinstance(array, jax.Array)
        for array in (model.means_, model.labels_, model.predict_proba(X))
    )
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == model.n_iter_ + 1
    assert printed[-1].startswith(
        f"EM converged after {model.n_iter_} iterations with mean log-likelihood"
    )
    with pytest.raises(
        ValueError, match="expected tol to be a finite number of at least 0, got -1"
    ):
        GaussianMixture(tol=-1).fit(X)
    with pytest.raises(
        ValueError,
        match="Expected n_samples >= n_components but got n_components = 91, n_samples = 90",
    ):
        GaussianMixture(91).fit(X)


@pytest.mark.full
def test_a_warm_start_knows_the_covariances_of_the_fit_before():
    X = np.random.default_rng(0).normal(size=(60, 2))  # [k d] and [d d] are the same shape here
    model = GaussianMixture(2, covariance_type="diag", random_state=0).fit(X)
    model.set_params(covariance_type="tied", warm_start=True)
    with pytest.raises(
        InputError, match="go on with covariance_type='diag' of the fit before, got 'tied'"
    ):
        model.fit(X)


def test_each_type_is_one_object_in_both_twins() -> None:
    """The tables have the same words, and each object all that the definition's has."""
    assert tuple(reference_covariances.TYPES) == tuple(fast_covariances.TYPES) == COVARIANCE_TYPES
    definition_only = {"factors"}  # the fast twin's `densities` and `exponents` take their place
    for word in COVARIANCE_TYPES:
        slow = reference_covariances.type_of(word)
        quick = fast_covariances.type_of(word)
        assert type(slow).__name__ == type(quick).__name__
        verbs = {name for name in dir(slow) if not name.startswith("_")}
        assert verbs - definition_only <= set(dir(quick))
        for k, d in ((3, 2), (1, 4)):
            assert slow.shape(k, d) == quick.shape(k, d)


def test_nothing_outside_the_tables_asks_which_type_it_is() -> None:
    """No file that knows covariance types compares one with a word, or has a dict with such words
    for keys but the tables.
    """
    found = []
    for path in sorted(Path(scratchclust.__file__).parent.rglob("*.py")):
        text = path.read_text()
        if path.name == "costs.py":  # the table of what each costs
            continue
        if "covariance_type" not in text and "CovarianceType" not in text:
            continue
        for node in ast.walk(ast.parse(text)):
            words = {c.value for c in ast.walk(node) if isinstance(c, ast.Constant)}
            if isinstance(node, ast.Compare | ast.Match):
                kind = "if"
            elif isinstance(node, ast.Dict):
                kind = "dict"
                words = {key.value for key in node.keys if isinstance(key, ast.Constant)}
            else:
                continue
            if words & set(COVARIANCE_TYPES):
                found.append((path.name, kind))
    assert found == [("covariances.py", "dict")] * 2


@each_type
def test_the_parameters_of_a_type_are_scikit_learns(covariance_type: str) -> None:
    for k, d in ((3, 2), (1, 4), (5, 1)):
        theirs = sklearn.mixture.GaussianMixture(k, covariance_type=covariance_type)
        theirs.means_ = np.zeros((k, d))
        ours = fast_covariances.type_of(covariance_type).n_parameters(k, d)
        assert ours + k * d + k - 1 == theirs._n_parameters()


@each_type
def test_the_factors_of_both_twins_are_those_of_the_covariances(covariance_type: str) -> None:
    """P P^T S is the unit, from S and from S^-1, and the fast twin's log-determinants, variances
    and condition are those of the matrices.
    """
    S = start(points(19), covariance_type).covariances
    slow = reference_covariances.type_of(covariance_type)
    quick = fast_covariances.type_of(covariance_type)
    for kind in (slow, quick):
        P = kind.factor_covariances(S)
        np.testing.assert_allclose(kind.covariances_of(P), S, rtol=1e-9, atol=1e-12)
        again = kind.factor_precisions(kind.precisions_of(P))
        np.testing.assert_allclose(again, P, rtol=1e-9, atol=1e-12)
    P = quick.factor_covariances(S)
    matrices = slow.factors(P, 3, 3)
    inverses = matrices @ np.swapaxes(matrices, -1, -2)
    full = np.linalg.inv(inverses)
    determinants = np.broadcast_to(quick.log_determinants(P, 3), 3)
    np.testing.assert_allclose(determinants, np.linalg.slogdet(full)[1] / -2, rtol=1e-9)
    variances = np.broadcast_to(quick.variances(S), (3, 3))
    np.testing.assert_allclose(variances, np.diagonal(full, axis1=1, axis2=2), rtol=1e-9)
    scales = np.sqrt(variances[:, :, None] * variances[:, None, :])
    conditions = [np.linalg.cond(m, 1) for m in full / scales]
    assert quick.rcond(S, P) == pytest.approx(1 / max(conditions), rel=1e-9)


@pytest.mark.parametrize("covariance_type", ["full", "tied"])
def test_an_accelerator_finds_the_same_mixture(
    covariance_type: str, accelerator_road: None
) -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3)) @ rng.normal(size=(3, 3)) + 4 * rng.integers(2, size=(200, 1))
    r = rng.dirichlet([1, 1], size=200)
    given: dict[str, Any] = {"covariance_type": covariance_type}
    found = fast.em(X, fast.m_step(X, r, **given), **given, max_iter=5, tol=0.0)
    expected = reference.em(X, reference.m_step(X, r, **given), **given, max_iter=5, tol=0.0)
    np.testing.assert_allclose(found.mixture.covariances, expected.mixture.covariances, rtol=1e-6)
    np.testing.assert_array_equal(found.labels, expected.labels)
    with pytest.raises(InputError, match="a covariance is not positive definite"):
        fast.m_step(np.ones((9, 2)), np.ones((9, 1)), **given, reg_covar=0.0)


@each_type
@pytest.mark.parametrize("n_parts", [1, 3])
def test_iterations_on_a_gpu_are_those_of_the_host(
    covariance_type: str, n_parts: int, request: pytest.FixtureRequest, monkeypatch: Any
) -> None:
    """Points in float32; in one compiled loop, or of several parts, in calls of each."""
    X = points(23, n=300).astype(np.float32)
    begin = start(X, covariance_type)
    given: dict[str, Any] = {"covariance_type": covariance_type, "tol": 1e-4, "max_iter": 60}
    expected = fast.em(X, begin, **given)
    request.getfixturevalue("accelerator_road")
    few = rows.LIMITS["gpu"]._replace(multiplications_per_call=1.0, block_rows=128)
    if n_parts > 1:
        monkeypatch.setitem(rows.LIMITS, "gpu", few)
    by_host = []
    monkeypatch.setattr(em_of_fast, "maximise", lambda *_: by_host.append(1))
    found = fast.em(jnp.asarray(X), begin, **given)
    assert not by_host
    assert 5 < found.n_iter == expected.n_iter
    assert found.converged
    np.testing.assert_allclose(found.lower_bounds, expected.lower_bounds, rtol=1e-5)
    for ours, theirs in zip(found.mixture, expected.mixture, strict=True):
        assert isinstance(ours, np.ndarray)
        assert ours.dtype == np.float64
        np.testing.assert_allclose(ours, theirs, rtol=2e-3, atol=1e-4)
    np.testing.assert_array_equal(found.labels, expected.labels)


@each_type
def test_what_a_gpu_cannot_go_on_with_the_host_does(
    covariance_type: str, accelerator_road: None
) -> None:
    """Numbers whose covariances float32 loses, in float64; float64 points, whose last iteration is
    in float64; and a covariance that is none.
    """
    X = points(24) + 1e4 * (np.arange(90) % 2)[:, None]
    for many in (0, 2**26):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(mixture_points, "MULTIPLICATIONS_IN_FLOAT64", many)
            begin = start(X, covariance_type)
            given: dict[str, Any] = {"covariance_type": covariance_type, "tol": 1e-9}
            for max_iter in (0, 1, 2, 7):
                found = fast.em(X, begin, **given, max_iter=max_iter)
                expected = reference.em(X, begin, **given, max_iter=max_iter)
                assert found.n_iter == expected.n_iter
                for ours, theirs in zip(found.mixture, expected.mixture, strict=True):
                    np.testing.assert_allclose(ours, theirs, rtol=1e-6, atol=1e-6)
    same = np.ones((9, 2), np.float32)
    begin = Mixture(*(np.asarray(a) for a in start(points(25, d=2), covariance_type)))
    with pytest.raises(InputError, match="a covariance is not positive definite"):
        fast.em(same, begin, covariance_type=covariance_type, reg_covar=0.0)
