"""The signs of collapse, by hand and against the definitions; and which loss leaves a collapse.

That a loss of clusters has no way out is a fact about it, and asserted like any other.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from scratchclust.reference import collapse as reference
from scratchclust.train import collapse
from scratchclust.train.collapse import find_collapse, find_collapsed_clusters
from scratchclust.train.objectives.coding_rate import coding_rate, cosine_to_mean, emp_ssl
from scratchclust.train.objectives.contrastive import nt_xent
from scratchclust.train.objectives.dec import (
    clustering_loss,
    soft_assignments,
    target_distribution,
)
from scratchclust.train.objectives.neighbor_consistency import (
    entropy_of_mean,
    neighbor_consistency,
    scan_loss,
)
from scratchclust.train.objectives.self_labels import balanced_cross_entropy, confident_labels
from scratchclust.train.objectives.sigreg import distance_to_mean, draw_directions, lejepa

NOISE = np.random.default_rng(3).normal(size=(8, 4)).astype(np.float32)
NEAR = jnp.asarray(1 + 1e-2 * NOISE)  # a code that is nearly one point
SAME = jnp.ones((8, 4))
DIRECTIONS = draw_directions(4, 32, key=jax.random.key(0))
CENTROIDS = jnp.array([[0.0, 0, 0, 0], [1, 0, 0, 0], [0, 1.5, 0, 0]])


class TestSigns:
    @pytest.mark.parametrize("name", ["effective_rank", "uniformity", "alignment"])
    def test_numpy_and_jax_agree(self, name):
        slow, fast = getattr(reference, name), getattr(collapse, name)
        for scale in (0.0, 1.0, 1e4, 1e20):
            given = [NOISE * np.float32(scale), NOISE[::-1].copy()][: 1 + (name == "alignment")]
            found = float(fast(*map(jnp.asarray, given)))
            assert found == pytest.approx(slow(*given), rel=1e-4, abs=1e-5)

    @pytest.mark.parametrize("module", [reference, collapse], ids=["numpy", "jax"])
    def test_by_hand(self, module):
        kind = np.asarray if module is reference else jnp.asarray
        axes = kind(np.array([[3, 0], [0, 1]], np.float32))
        entropy = 2 * np.log(2) - 3 / 4 * np.log(3)  # of 3/4 and 1/4
        assert float(module.effective_rank(axes)) == pytest.approx(np.exp(entropy), rel=1e-5)
        assert float(module.effective_rank(kind(np.ones((3, 2), np.float32)))) == pytest.approx(1)
        # all pairs but those of a picture with itself: |u - u'|^2 is 2
        assert float(module.uniformity(axes)) == pytest.approx(-4, rel=1e-5)
        line = kind(np.array([[1], [-1], [2]], np.float32))  # 4 of 6 pairs at 4, 2 at 0
        expected = np.log((4 * np.exp(-8) + 2) / 6)
        assert float(module.uniformity(line)) == pytest.approx(expected, rel=1e-5)
        assert float(module.alignment(axes, axes[::-1])) == pytest.approx(2, rel=1e-5)
        shares = kind(np.array([[1, 0, 0], [0.5, 0.5, 0]], np.float32))
        assert float(module.effective_clusters(shares)) == pytest.approx(np.exp(entropy), rel=1e-5)

    def test_uniformity_goes_by_blocks(self):
        Z = np.random.default_rng(4).normal(size=(collapse.ROWS_AT_A_TIME + 3, 3))
        Z = Z.astype(np.float32)
        found = float(collapse.uniformity(jnp.asarray(Z)))
        assert found == pytest.approx(reference.uniformity(Z), rel=1e-4)


class TestWords:
    def test_a_point(self):
        assert str(find_collapse(SAME)).startswith(
            "the effective rank is 1, below 1.5: the network says the same of nearly all pictures"
        )
        found = find_collapse(NEAR, least_rank=0)
        assert found.measure == "uniformity"
        assert "the uniformity is -0.000" in str(found)
        assert "above -0.2" in str(found)

    def test_a_line_has_no_other_sign_than_its_rank(self):
        line = jnp.asarray(NOISE[:, :1] * np.ones(4, np.float32)[None])
        assert collapse.uniformity(line) < -0.5
        assert find_collapse(line).measure == "effective rank"

    def test_limits_can_be_chosen(self):
        Z = jnp.asarray(NOISE)
        assert find_collapse(Z) is None
        assert find_collapse(Z, least_rank=3.9).limit == 3.9
        assert find_collapse(Z, most_uniformity=-9.0).measure == "uniformity"

    def test_what_is_no_number_is_no_code(self):
        found = find_collapse(SAME.at[0, 0].set(jnp.nan))
        assert "is nan: the network says what is no number" in str(found)
        assert "is nan" in str(find_collapsed_clusters(SAME / jnp.nan))

    def test_clusters(self):
        even = jnp.tile(jnp.eye(4), (2, 1))
        assert find_collapsed_clusters(even) is None
        one = jnp.zeros((8, 4)).at[:, 2].set(1)
        assert str(find_collapsed_clusters(one)).startswith(
            "the effective number of clusters is 1, below 1.5: "
        )
        assert find_collapsed_clusters(even, least_clusters=4.5).value == pytest.approx(4)


def descend(loss, start, *, n_steps=100, rate=1.0):
    slope = jax.jit(jax.grad(loss))
    z = start
    for _ in range(n_steps):
        z = z - rate * slope(z)
    return z


def twice(z):
    return jnp.stack([z, z])


WAYS_OUT = {  # the whole loss, its attracting half, and its value of a point
    "nt_xent": (
        lambda z: nt_xent(z, z),
        lambda z: -cosine_to_mean(twice(z)) / 0.5,
        np.log(15),
    ),
    "emp_ssl": (
        lambda z: emp_ssl(twice(z), pull=2.0),
        lambda z: -2.0 * cosine_to_mean(twice(z)),
        -np.log(1 + 4 / 0.2) / 2 - 2,
    ),
    "lejepa": (
        lambda z: lejepa(twice(z), DIRECTIONS, weight=0.5),
        lambda z: distance_to_mean(twice(z)),
        None,
    ),
}


@pytest.mark.parametrize("name", WAYS_OUT)
def test_losses_of_a_code_leave_a_near_collapse_by_their_second_half(name):
    whole, attracting, of_a_point = WAYS_OUT[name]
    assert find_collapse(NEAR)
    left = descend(whole, NEAR)
    assert find_collapse(left) is None
    assert collapse.effective_rank(left) > 2
    assert find_collapse(descend(attracting, NEAR))
    # of exactly one point all parts have the same slope: nothing can tell them apart
    value, slope = jax.value_and_grad(whole)(SAME)
    assert jnp.abs(slope - slope[:1]).max() < 1e-6
    if of_a_point is not None:
        assert value == pytest.approx(of_a_point, rel=1e-5)


def test_a_point_at_zero_is_where_lejepas_slope_ends():
    value, slope = jax.value_and_grad(lambda z: lejepa(twice(z), DIRECTIONS, weight=0.5))(0 * SAME)
    # n integral of (1 - exp(-t^2 / 2))^2 exp(-t^2 / 2), but for the ends
    whole = 8 * np.sqrt(2 * np.pi) * (1 - np.sqrt(2) + 1 / np.sqrt(3))
    assert 2 * value == pytest.approx(whole, rel=0.02)
    assert not slope.any()


def test_the_rate_of_a_point():
    assert coding_rate(SAME / 2) == pytest.approx(np.log(1 + 4 / 0.2) / 2, rel=1e-5)


class TestNeighbours:
    def one_cluster(self, logit):
        return jnp.asarray(1e-2 * NOISE).at[:, 0].add(logit)

    def test_value(self):
        sure = self.one_cluster(50.0)
        assert scan_loss(sure, sure) == pytest.approx(0, abs=1e-6)
        even = jnp.asarray(50 * np.tile(np.eye(4, dtype=np.float32), (2, 1)))
        assert scan_loss(even, even) == pytest.approx(-5 * np.log(4), rel=1e-5)
        assert entropy_of_mean(even) == pytest.approx(np.log(4), rel=1e-5)
        assert entropy_of_mean(sure) == pytest.approx(0, abs=1e-6)

    def test_the_entropy_leads_out(self):
        start = self.one_cluster(5.0)
        assert find_collapsed_clusters(jax.nn.softmax(start))
        left = jax.nn.softmax(descend(lambda z: scan_loss(z, z), start))
        assert collapse.effective_clusters(left) > 3.5
        stays = descend(lambda z: neighbor_consistency(z, z), start)
        assert find_collapsed_clusters(jax.nn.softmax(stays))

    def test_nothing_leads_out_where_all_is_sure(self):
        sure = self.one_cluster(50.0)
        slope = jax.grad(lambda z: scan_loss(z, z))(sure)
        assert jnp.abs(slope).max() < 1e-9
        assert find_collapsed_clusters(
            jax.nn.softmax(descend(lambda z: scan_loss(z, z), sure, n_steps=10))
        )


class TestSelfLabels:
    def test_they_find_none_where_nothing_is_sure(self):
        labels = confident_labels(jnp.asarray(NOISE))
        assert (labels == -1).all()
        value, slope = jax.value_and_grad(balanced_cross_entropy)(jnp.asarray(NOISE), labels)
        assert value == 0
        assert not slope.any()

    def test_they_do_not_lead_out_of_one_cluster(self):
        start = jnp.asarray(NOISE).at[:, 0].add(9)
        labels = confident_labels(start)
        assert (labels == 0).all()
        end = descend(lambda z: balanced_cross_entropy(z, confident_labels(z)), start)
        assert balanced_cross_entropy(end, labels) < balanced_cross_entropy(start, labels) < 0.01
        assert find_collapsed_clusters(jax.nn.softmax(end))


class TestDEC:
    """The code 0.3 of all pictures is nearest to the first centroid."""

    def trained(self, targets_of):
        z = jnp.asarray(0.3 + 1e-2 * NOISE)
        slope = jax.jit(jax.grad(clustering_loss))
        for _ in range(300):
            z = z - slope(z, CENTROIDS, targets_of(soft_assignments(z, CENTROIDS)))
        return jax.nn.one_hot(soft_assignments(z, CENTROIDS).argmax(axis=1), 3)

    def test_a_point_costs_nothing_and_has_no_slope(self):
        same = jnp.full((8, 4), 0.3)
        targets = target_distribution(soft_assignments(same, CENTROIDS))
        value, slopes = jax.value_and_grad(clustering_loss, (0, 1))(same, CENTROIDS, targets)
        assert value == pytest.approx(0, abs=1e-6)
        assert max(float(jnp.abs(slope).max()) for slope in slopes) < 1e-6

    def test_evening_out_leads_out_of_a_near_collapse(self):
        assert collapse.effective_clusters(self.trained(target_distribution)) > 2.5

        @jax.jit
        def sharper(Q):
            return Q**2 / (Q**2).sum(axis=1, keepdims=True)

        assert find_collapsed_clusters(self.trained(sharper))
