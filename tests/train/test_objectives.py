"""The losses without labels as functions of arrays: by hand, NumPy against JAX, gradients by finite
differences of the definition, and extremes.
"""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.integrate import trapezoid

from scratchclust.errors import InputError
from scratchclust.reference import coding_rate as r_rate
from scratchclust.reference import contrastive as r_contrastive
from scratchclust.reference import dec as r_dec
from scratchclust.reference import neighbor_consistency as r_scan
from scratchclust.reference import self_labels as r_self
from scratchclust.reference import sigreg as r_sigreg
from scratchclust.reference import sphere as r_sphere
from scratchclust.train.losses import Batch
from scratchclust.train.objectives import (
    coding_rate,
    contrastive,
    dec,
    neighbor_consistency,
    self_labels,
    sigreg,
    sphere,
)
from scratchclust.train.objectives.coding_rate import EMPSSLLoss
from scratchclust.train.objectives.contrastive import ContrastiveLoss
from scratchclust.train.objectives.dec import DECLoss
from scratchclust.train.objectives.neighbor_consistency import NeighborLoss
from scratchclust.train.objectives.self_labels import SelfLabelLoss
from scratchclust.train.objectives.sigreg import LeJEPALoss
from scratchclust.train.objectives.views import VIEWS

RNG = np.random.default_rng(0)
Z, Z2 = RNG.normal(size=(2, 6, 4)).astype(np.float32)
PATCHES = RNG.normal(size=(3, 6, 4)).astype(np.float32)
A = r_sigreg.draw_directions(4, 8, rng=RNG).astype(np.float32)
CENTROIDS = Z2[:3]
P = r_dec.target_distribution(r_dec.soft_assignments(Z, CENTROIDS)).astype(np.float32)
LABELS = np.array([0, 0, 2, -1, 2, 1])
# twin, twin, what they are given, and how many of that the gradient is of
LOSSES = {
    "nt_xent": (r_contrastive.nt_xent, contrastive.nt_xent, (Z, Z2), 2),
    "emp_ssl": (r_rate.emp_ssl, coding_rate.emp_ssl, (PATCHES,), 1),
    "lejepa": (r_sigreg.lejepa, sigreg.lejepa, (PATCHES, A), 1),
    "scan": (r_scan.scan_loss, neighbor_consistency.scan_loss, (Z, Z2), 2),
    "self": (r_self.balanced_cross_entropy, self_labels.balanced_cross_entropy, (Z, LABELS), 1),
    "dec": (r_dec.clustering_loss, dec.clustering_loss, (Z, CENTROIDS, P), 2),
}
RATES = {  # of few points the smaller matrix is the other one
    "rate": (r_rate.coding_rate, coding_rate.coding_rate, (Z,), 1),
    "rate-few": (r_rate.coding_rate, coding_rate.coding_rate, (Z[:3],), 1),
}


@pytest.mark.parametrize("name", LOSSES | RATES)
def test_gradients_by_finite_differences_of_the_definition(name):
    slow, fast, given, n = (LOSSES | RATES)[name]
    arrays = [np.asarray(a, float if a.dtype == np.float32 else None) for a in given]
    with jax.enable_x64(True):
        value, gradients = jax.value_and_grad(fast, tuple(range(n)))(*map(jnp.asarray, arrays))
        assert value.dtype == jnp.float64
    assert float(value) == pytest.approx(slow(*arrays), rel=1e-12)
    h = 1e-5
    for i, gradient in enumerate(gradients):
        for index in np.ndindex(arrays[i].shape):
            ends = [[a.copy() for a in arrays] for _ in range(2)]
            ends[0][i][index] -= h
            ends[1][i][index] += h
            slope = (slow(*ends[1]) - slow(*ends[0])) / (2 * h)
            assert gradient[index] == pytest.approx(slope, rel=1e-5, abs=1e-7)


@pytest.mark.quick(every=2)
@pytest.mark.parametrize("name", LOSSES)
def test_extremes_have_values_and_gradients(name):
    slow, fast, given, n = LOSSES[name]
    slope = jax.jit(jax.value_and_grad(fast, tuple(range(n))))
    for scale in (0.0, 1.0, 1e4, 1e20):
        arrays = [a * np.float32(scale) if i < n else a for i, a in enumerate(given)]
        value, gradients = slope(*map(jnp.asarray, arrays))
        assert all(jnp.isfinite(gradient).all() for gradient in gradients)
        if name == "lejepa" and scale == 1e20:
            assert value == jnp.inf, "a square of 1e40 is no number of float32"
        else:
            assert float(value) == pytest.approx(slow(*arrays), rel=1e-4, abs=1e-5)


@pytest.mark.parametrize(
    ("contrast", "scan", "directions"),
    [
        (r_contrastive, r_scan, r_sphere),
        (contrastive, neighbor_consistency, sphere),
    ],
    ids=["numpy", "jax"],
)
class TestByHand:
    def test_nt_xent(self, contrast, scan, directions):
        # the other view has cosine 1, two others have 0; lengths do not count
        first = np.array([[3, 0], [0, 1]], np.float32)
        second = np.array([[1, 0], [0, 2]], np.float32)
        found = as_float(contrast.nt_xent, first, second, temperature=0.5)
        assert found == pytest.approx(np.log(np.exp(2) + 2) - 2, rel=1e-6)
        found = as_float(contrast.nt_xent, first, second[::-1].copy(), temperature=0.5)
        assert found == pytest.approx(np.log(np.exp(2) + 2), rel=1e-6)

    def test_scan(self, contrast, scan, directions):
        even = np.zeros((2, 2), np.float32)
        uneven = np.log(np.array([[3, 1], [3, 1]], np.float32))
        # 1/2 3/4 + 1/2 1/4 = 1/2; the entropy is that of the pictures, not of their neighbours
        assert as_float(scan.neighbor_consistency, even, uneven) == pytest.approx(np.log(2))
        entropy = 2 * np.log(2) - 3 / 4 * np.log(3)
        assert as_float(scan.scan_loss, uneven, even, entropy_weight=2.0) == pytest.approx(
            np.log(2) - 2 * entropy, rel=1e-5
        )

    def test_directions(self, contrast, scan, directions):
        rows = np.array([[3, 4], [0, 0], [3e-5, 4e-5]], np.float32)
        found = np.asarray(on(directions.normalise)(rows))
        np.testing.assert_allclose(found, [[0.6, 0.8], [0, 0], [0.3, 0.4]], rtol=1e-5)


@pytest.mark.parametrize("rate", [r_rate, coding_rate], ids=["numpy", "jax"])
class TestCodingRateByHand:
    def test_rate(self, rate):
        # I + 2 / (2 0.2) I = 6 I; and 1 + 2 / 0.2 = 11
        assert as_float(rate.coding_rate, np.eye(2, dtype=np.float32)) == pytest.approx(np.log(6))
        one = np.array([[0, 1]], np.float32)
        assert as_float(rate.coding_rate, one) == pytest.approx(np.log(11) / 2)

    def test_emp_ssl(self, rate):
        # two pictures at right angles, whose patches change places: their mean lies between
        views = np.array([np.eye(2), np.eye(2)[::-1]], np.float32)
        assert as_float(rate.cosine_to_mean, views) == pytest.approx(np.sqrt(0.5))
        expected = -np.log(6) - 3 * np.sqrt(0.5)
        assert as_float(rate.emp_ssl, views, pull=3.0) == pytest.approx(expected)


def test_no_batch_of_matrices_is_factored_or_solved():
    """Which would wait for ever on a CPU with as many devices as threads (see `_mean_rate`)."""
    text = jax.jit(jax.grad(coding_rate.emp_ssl)).lower(jnp.asarray(PATCHES)).as_text()
    calls = re.findall(r"@lapack_s(?:potrf|trsm)\w*\(.*? : \((tensor<[^>]+>)", text)
    assert calls
    assert set(calls) == {"tensor<4x4xf32>"}


def test_an_accelerator_factors_the_matrices_of_all_views_at_once(monkeypatch):
    """No loop over them, whose turns would be some 14 launches each; and it is the same loss."""

    asked = []

    def of_accelerator(*given, cpu, default):
        asked.append(default)
        return default(*given)

    traced = jax.jit(jax.grad(coding_rate.emp_ssl)).trace(jnp.asarray(PATCHES))
    text = traced.lower(lowering_platforms=("cuda",)).as_text()
    assert "cholesky" in text or "potrf" in text
    assert "stablehlo.while" not in text
    expected = jax.jit(jax.value_and_grad(coding_rate.emp_ssl.__wrapped__))(PATCHES)
    monkeypatch.setattr(jax.lax, "platform_dependent", of_accelerator)
    # a gradient of its own, which is traced for itself
    found = jax.jit(jax.value_and_grad(coding_rate.emp_ssl.__wrapped__))(PATCHES)
    assert asked
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("module", [r_sigreg, sigreg], ids=["numpy", "jax"])
class TestSIGReg:
    POINTS = np.array([[0, 1.5, 0.3], [0, -1.5, -2], [0, 0, 0.5]], np.float32)

    def test_epps_pulley_is_a_trapezoidal_sum(self, module):
        t = np.linspace(-3, 3, 33)
        phi = np.exp(1j * t * self.POINTS[:, :, None]).mean(axis=0)
        normal = np.exp(-(t**2) / 2)
        expected = 3 * trapezoid(np.abs(phi - normal) ** 2 * normal, t)
        found = np.asarray(on(module.epps_pulley)(self.POINTS))
        np.testing.assert_allclose(found, expected, rtol=1e-5)

    def test_epps_pulley_is_nearly_the_integral_in_closed_form(self, module):
        x = self.POINTS[:, 1].astype(float)  # 1.5, -1.5, 0
        pairs = np.exp(-((x[:, None] - x[None]) ** 2) / 2).sum() / 3
        alone = np.sqrt(2) * np.exp(-(x**2) / 4).sum()
        whole = np.sqrt(2 * np.pi) * (pairs - alone + 3 / np.sqrt(3))
        found = float(np.asarray(on(module.epps_pulley)(self.POINTS))[1])
        assert found == pytest.approx(whole, abs=3 * 2 * 0.0034)  # the normal's mass beyond 3

    def test_lejepa(self, module):
        # views 1 to either side of their mean, one direction along the only axis
        views = np.array([[[-1]], [[1]]], np.float32)
        along = np.ones((1, 1), np.float32)
        assert as_float(module.distance_to_mean, views) == pytest.approx(1)
        statistics = [float(np.asarray(on(module.epps_pulley)(view))[0]) for view in views]
        assert as_float(module.sigreg, views[0], along) == pytest.approx(statistics[0])
        found = as_float(module.lejepa, views, along, weight=0.25)
        assert found == pytest.approx(0.75 + 0.25 * np.mean(statistics), rel=1e-5)

    def test_directions_have_length_1(self, module):
        how = {"rng": RNG} if module is r_sigreg else {"key": jax.random.key(0)}
        directions = np.asarray(module.draw_directions(3, 50, **how))
        np.testing.assert_allclose((directions**2).sum(axis=0), 1, rtol=1e-5)
        assert np.abs(directions.mean(axis=1)).max() < 0.35  # to all sides


def test_a_normal_code_has_the_least_sigreg():
    code = np.random.default_rng(1).normal(size=(300, 4)).astype(np.float32)
    statistics = [r_sigreg.sigreg(code * scale, A) for scale in (0.5, 1, 2)]
    assert statistics[1] < 2 < min(statistics[0], statistics[2])


@pytest.mark.parametrize("module", [r_self, self_labels], ids=["numpy", "jax"])
class TestSelfLabels:
    def test_labels_are_what_is_above_the_threshold(self, module):
        logits = np.log(np.array([[0.7, 0.3], [0.2, 0.8], [0.45, 0.55]], np.float32))
        labels = on(module.confident_labels)(logits, threshold=0.75)
        assert labels.dtype == np.int32
        assert labels.tolist() == [-1, 1, -1]
        assert on(module.confident_labels)(logits, threshold=0.6).tolist() == [0, 1, -1]

    def test_a_label_must_exceed_the_threshold(self, module):
        logits = np.array([[200, 0], [0, 0], [0, 1e4]], np.float32)
        assert on(module.confident_labels)(logits, threshold=1.0).tolist() == [-1, -1, -1]
        assert on(module.confident_labels)(logits).tolist() == [0, -1, 1]

    def test_clusters_count_alike(self, module):
        q = np.array([[1 / 2, 1 / 2], [1 / 4, 3 / 4], [7 / 8, 1 / 8], [0.9, 0.1]], np.float32)
        # cluster 0: log 2 and log 4; cluster 1: log 8; the last has no label
        found = as_float(module.balanced_cross_entropy, np.log(q), np.array([0, 0, 1, -1]))
        assert found == pytest.approx((1.5 + 3) / 2 * np.log(2), rel=1e-5)


@pytest.mark.parametrize("module", [r_dec, dec], ids=["numpy", "jax"])
class TestDEC:
    CODE = np.array([[0], [0], [1]], np.float32)
    CENTROIDS = np.array([[0], [1]], np.float32)

    def test_soft_assignments_and_targets(self, module):
        Q = np.asarray(on(module.soft_assignments)(self.CODE, self.CENTROIDS))
        np.testing.assert_allclose(Q, np.array([[2, 1], [2, 1], [1, 2]]) / 3, rtol=1e-6)
        # f = 5/3 and 4/3: 4/15 to 1/12, and 1/15 to 1/3
        P = np.asarray(on(module.target_distribution)(Q))
        np.testing.assert_allclose(P[1:], [[16 / 21, 5 / 21], [1 / 6, 5 / 6]], rtol=1e-5)

    def test_clustering_loss(self, module):
        P = np.array([[0.5, 0.5], [1, 0], [1 / 3, 2 / 3]], np.float32)
        found = as_float(module.clustering_loss, self.CODE, self.CENTROIDS, P)
        expected = (np.log(3 / 4) / 2 + np.log(3 / 2) / 2 + np.log(3 / 2) + 0) / 3
        assert found == pytest.approx(expected, rel=1e-5)

    def test_the_share_of_changed_labels(self, module):
        labels = np.array([0, 1, 2, 1])
        assert module.changed_share(labels, labels) == 0
        assert module.changed_share(labels, np.array([0, 2, 2, 0])) == 0.5

    def test_gamma_weighs_the_clustering(self, module):
        two, three = (np.float32(2), np.float32(3)) if module is dec else (2.0, 3.0)
        assert as_float(module.idec, two, three, gamma=0.1) == pytest.approx(2.3)

    def test_targets_of_a_batch_are_others(self, module):
        Q = np.asarray(on(module.soft_assignments)(Z, CENTROIDS))
        of_all = np.asarray(on(module.target_distribution)(Q))
        of_batch = np.asarray(on(module.target_distribution)(Q[:2]))
        assert np.abs(of_batch - of_all[:2]).max() > 1e-3


class Sees:
    """A model that notes of which type the pictures are."""

    def __init__(self) -> None:
        self.types: set[str] = set()

    def __call__(self, pictures):
        self.types.add(str(pictures.dtype))
        return pictures.reshape(len(pictures), -1)


@pytest.mark.parametrize(
    "made_of",
    [
        ContrastiveLoss,
        EMPSSLLoss,
        LeJEPALoss,
        NeighborLoss,
        lambda views: SelfLabelLoss(views, views),
    ],
    ids=["contrastive", "emp-ssl", "lejepa", "neighbours", "self-labels"],
)
def test_a_model_in_bfloat16_sees_bfloat16(made_of) -> None:
    """Views are drawn in float32; left so, the model would compute in float32, too."""

    def loss_of(images):
        made_of(lambda images, key: jnp.stack(2 * [images.astype(jnp.float32)]))(
            model, Batch(images, None), jax.random.key(0)
        )

    for shape in [(4, 2, 3, 3, 1)] if made_of is NeighborLoss else [(4, 3, 3, 1)]:
        model = Sees()
        jax.eval_shape(loss_of, jax.ShapeDtypeStruct(shape, jnp.bfloat16))
        assert model.types == {"bfloat16"}


def two_views(images, key):
    return jnp.stack([images, images])


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: ContrastiveLoss(two_views, 0.0), "temperature to be .* above 0, got 0.0"),
        (lambda: VIEWS("views", 3), r"views to be a function, views\(images, key\) -> .*, got 3"),
        (lambda: EMPSSLLoss(two_views, pull=-1.0), "pull to be a .* at least 0, got -1.0"),
        (lambda: EMPSSLLoss(two_views, eps_squared=0), "eps_squared to be .* above 0, got 0"),
        (lambda: LeJEPALoss(two_views, weight=1.5), "weight to be .* 1, got 1.5"),
        (lambda: LeJEPALoss(two_views, n_directions=0), "n_directions to be .* 1, got 0"),
        (
            lambda: NeighborLoss(two_views, entropy_weight=float("nan")),
            "entropy_weight to be a .* at least 0, got nan",
        ),
        (lambda: SelfLabelLoss(two_views, two_views, -0.1), "threshold to be .* 1, got -0.1"),
        (lambda: DECLoss(two_views, gamma=-1), "gamma to be a .* at least 0, got -1"),
    ],
)
def test_impossible_settings_are_refused(make, message):
    with pytest.raises(InputError, match=f"expected {message}"):
        make()


def on(function):
    """The function of NumPy's arrays, whichever twin it is of."""
    if ".train." not in function.__module__:
        return function
    return lambda *given, **options: function(*map(jnp.asarray, given), **options)


def as_float(function, *given, **options):
    return float(on(function)(*given, **options))
