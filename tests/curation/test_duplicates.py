"""Near-duplicates: fingerprints by hand, twins, brute force, groups without chains, real ones."""

import itertools
from types import ModuleType

import numpy as np
import pytest
from PIL import Image

from scratchclust import rows
from scratchclust.constants import FINGERPRINT_UNIT, NEAR_PICTURES
from scratchclust.curation import duplicates, meetings
from scratchclust.curation import fingerprints as fast
from scratchclust.curation.duplicates import Group, cover, duplicate_of, near_duplicates
from scratchclust.curation.quality import quality
from scratchclust.data.preprocessing import resampling_matrix
from scratchclust.reference import fingerprints as reference

each_twin = pytest.mark.parametrize(
    "twin", [pytest.param(reference, id="numpy"), pytest.param(fast, id="jax")]
)
UNIT = FINGERPRINT_UNIT


def scenes(n: int, *, side: int = 64, channels: int = 3, seed: int = 0) -> np.ndarray:
    """Pictures of a few soft blobs: like photographs, most of what they show is coarse."""
    rng = np.random.default_rng(seed)
    grid = np.linspace(0, 1, side)
    images = np.zeros((n, side, side, channels))
    for _ in range(12):
        y, x = rng.uniform(0, 1, (2, n, 1, 1))
        width = rng.uniform(0.05, 0.3, (n, 1, 1))
        blob = np.exp(-((grid[:, None] - y) ** 2 + (grid - x) ** 2) / (2 * width**2))
        images += blob[..., None] * rng.uniform(-120, 120, (n, 1, 1, channels))
    return np.clip(images + 128, 0, 255).astype(np.uint8)


def groups_of(images: np.ndarray, sizes: np.ndarray | None = None) -> tuple[Group, ...]:
    return near_duplicates(images, quality=quality(images, sizes))


def members(images: np.ndarray) -> list[list[int]]:
    return [list(group.members) for group in groups_of(images)]


def random_fingerprints(n: int, seed: int, *, apart: float = 0.06) -> np.ndarray:
    """Fingerprints round few centres, so far from each other that nearness is no matter of course.

    They differ in their colour alone, so that no warp makes them nearer.
    """
    rng = np.random.default_rng(seed)
    F = np.zeros((n, 259), np.int16)
    F[:, 0] = UNIT
    F[:, 256:] = np.rint(rng.normal(scale=apart * UNIT, size=(n, 3)))
    return np.unique(F, axis=0)


@each_twin
def test_a_fingerprint_by_hand(twin: ModuleType) -> None:
    """White on the left, black on the right: 128 times +1/16 and 128 times -1/16."""
    image = np.zeros((1, 16, 16, 3), np.uint8)
    image[0, :, :8] = 255
    image[0, :, :, 2] = 255  # blue everywhere
    F = twin.fingerprints(image)[0]
    assert F.shape == (259,)
    assert F.dtype == np.int16
    assert set(F[:256].reshape(16, 16)[:, :8].ravel().tolist()) == {UNIT // 16}
    assert set(F[:256].reshape(16, 16)[:, 8:].ravel().tolist()) == {-UNIT // 16}
    assert F[256:].tolist() == [0, 0, round(UNIT * 0.3 * 0.5 / 3**0.5)]


@each_twin
def test_flat_pictures_have_no_pattern_but_a_colour(twin: ModuleType) -> None:
    flat = np.full((3, 20, 30, 1), 255, np.uint8)
    flat[1] = 0
    flat[2, ::2] -= 1
    F = twin.fingerprints(flat)
    assert not F[:2, :256].any()
    assert (np.abs(F[:2, 256]) == round(0.15 * UNIT)).all()
    assert not (twin.near_pairs(F).tolist()) or twin.near_pairs(F).tolist() == [[0, 2]]
    assert np.linalg.norm(F[0].astype(int) - F[1]) > 0.25 * UNIT


@pytest.mark.quick(2)
@pytest.mark.parametrize("shape", [(40, 28, 1), (8, 8, 1), (32, 32, 3), (17, 64, 3)])
def test_twins_agree(shape: tuple[int, int, int]) -> None:
    rng = np.random.default_rng(1)
    images = rng.integers(0, 256, (40, *shape), dtype=np.uint8)
    images[20:] = np.clip(images[:20] + rng.integers(-9, 10, (20, *shape)), 0, 255)
    ours, theirs = fast.fingerprints(images), reference.fingerprints(images)
    assert np.abs(ours.astype(int) - theirs).max() <= 1  # rounding
    np.testing.assert_array_equal(fast.near_pairs(theirs), reference.near_pairs(theirs))
    i, j = np.triu_indices(40, 1)
    ours, theirs = (twin.warped_distances(theirs[i], theirs[j]) for twin in (fast, reference))
    np.testing.assert_allclose(ours, theirs, atol=1e-4)
    np.testing.assert_allclose(
        reference.shrinking(shape[0]), resampling_matrix(shape[0], 16), atol=1e-6
    )


@each_twin
def test_a_warped_distance_is_symmetric_and_forgives_a_shift(twin: ModuleType) -> None:
    images = scenes(6)
    moved = np.roll(images, 1, axis=2)  # a quarter of one of 16 pixels
    x, y = twin.fingerprints(images), twin.fingerprints(moved)
    there, back = twin.warped_distances(x, y), twin.warped_distances(y, x)
    np.testing.assert_allclose(there, back, atol=1e-6)
    plain = np.linalg.norm(x.astype(float) - y, axis=1) / UNIT
    assert (there < 0.7 * plain).all()
    assert (twin.warped_distances(x[:-1], x[1:]) > 0.2).all()


@pytest.mark.quick(4)
@pytest.mark.parametrize("n_devices", [1, 2, 4])
@pytest.mark.parametrize("n", [1, 2, 9, 70])
def test_meetings_are_exact_on_any_number_of_devices(
    n: int, n_devices: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Distances of whole numbers, some of them exactly at the bound; in tiles and calls."""
    monkeypatch.setattr(meetings, "TILE", 16)
    rng = np.random.default_rng(n)
    F = rng.integers(-3, 4, (n, 5)).astype(np.int16)
    squares = np.square(F[:, None].astype(int) - F).sum(axis=2)
    with rows.on(rows.all_devices()[:n_devices]):
        found = [np.stack([i, j]) for _, i, j in meetings.pairs_within(F, 5.0, limit=n * n)]
        counts = meetings.count_within(F, 5.0)
        expected = np.stack(np.nonzero(np.triu(squares <= 25, 1)))
        n_pairs = len(expected[0])
        assert list(meetings.pairs_within(F, 5.0, limit=n_pairs))
        if n_pairs:
            with pytest.raises(meetings.TooManyPairs):
                list(meetings.pairs_within(F, 5.0, limit=n_pairs - 1))
    np.testing.assert_array_equal(np.concatenate(found, axis=1), expected)
    np.testing.assert_array_equal(counts, (squares <= 25).sum(axis=1))


def by_definition(F: np.ndarray) -> list[tuple[int, list[int]]]:
    """As long as two uncovered are near each other, take the one with most of them."""
    pairs = {tuple(pair) for pair in reference.near_pairs(F).tolist()}
    left = set(range(len(F)))
    covers = []
    while True:
        near = {i: [j for j in left if (i, j) in pairs or (j, i) in pairs] for i in left}
        medoid = max(left, key=lambda i: (len(near[i]), -i), default=None)
        if medoid is None or not near[medoid]:
            return covers
        covers.append((medoid, sorted([medoid, *near[medoid]])))
        left -= set(covers[-1][1])


@pytest.mark.quick(8)
@pytest.mark.parametrize("seed", range(40))
def test_covers_are_those_of_the_definition(seed: int) -> None:
    F = random_fingerprints(3 + seed % 6, seed)
    assert [(i, list(m)) for i, m in cover(F)] == by_definition(F)


@pytest.mark.quick(2)
@pytest.mark.parametrize("seed", range(8))
def test_covers_of_many_and_of_crowds_are_those_of_the_definition(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    F = random_fingerprints(60, seed)
    expected = by_definition(F)
    assert [(i, list(m)) for i, m in cover(F)] == expected
    monkeypatch.setattr(duplicates, "MOST_WARPED", 0)
    for most in (10**6, 60, 0):
        monkeypatch.setattr(duplicates, "MOST_PAIRS", most)
        monkeypatch.setattr(duplicates, "DISTANCES_AT_A_TIME", 100)
        assert [(i, list(m)) for i, m in cover(F)] == expected


@pytest.mark.quick(4)
@pytest.mark.parametrize("seed", range(20))
def test_every_member_is_near_the_medoid_and_none_is_in_two_groups(seed: int) -> None:
    rng = np.random.default_rng(seed)
    originals = scenes(4, side=20, seed=seed)
    images = originals[rng.integers(0, 4, 8)]
    images = np.clip(
        images + rng.normal(scale=rng.uniform(0, 12, (8, 1, 1, 1)), size=images.shape), 0, 255
    ).astype(np.uint8)
    found = groups_of(images)
    near = {tuple(pair) for pair in reference.near_pairs(fast.fingerprints(images)).tolist()}
    everyone = list(itertools.chain(*(group.members for group in found)))
    assert len(everyone) == len(set(everyone))
    for group in found:
        assert group.best in group.members
        assert list(group.members) == sorted(group.members)
        assert len(group.members) > 1
        for i in group.members:
            assert i == group.medoid or (min(i, group.medoid), max(i, group.medoid)) in near
    alone = set(range(8)) - set(everyone)
    assert not [pair for pair in near if set(pair) <= alone]
    order = rng.permutation(8)
    if len(near) < 2:  # no ties that the order decides
        there = [sorted(order[list(m)].tolist()) for m in members(images[order])]
        assert sorted(there) == members(images)


def test_a_slow_cross_fade_is_no_single_group() -> None:
    """Each of 50 frames is near the next one, and the first is nowhere near the last."""
    first, last = scenes(2, seed=3).astype(float)
    share = np.linspace(0, 1, 50)[:, None, None, None]
    frames = (first * (1 - share) + last * share).astype(np.uint8)
    F = fast.fingerprints(frames)
    pairs = {tuple(pair) for pair in fast.near_pairs(F).tolist()}
    assert all((i, i + 1) in pairs for i in range(49))
    found = groups_of(frames)
    assert len(found) > 3
    assert max(len(group.members) for group in found) < 20
    for group in found:
        assert all(
            i == group.medoid or tuple(sorted((i, group.medoid))) in pairs for i in group.members
        )


def test_a_thousand_copies_are_one_group_and_meet_once(monkeypatch: pytest.MonkeyPatch) -> None:
    images = scenes(3, side=16)[np.arange(1002) % 3]
    images[[0, 1]] = scenes(2, side=16, seed=9)
    asked = []
    meet_all = duplicates.meet_all
    monkeypatch.setattr(
        duplicates, "meet_all", lambda F, **more: asked.append(len(F)) or meet_all(F, **more)
    )
    found = groups_of(images)
    assert asked == [5]
    assert [len(group.members) for group in found] == [334, 333, 333]
    assert found[0].members[:2] == (2, 5)
    assert found[0].best == 2
    assert found[0].reason == "first of 334 equally good"


def test_the_best_is_the_largest_then_the_sharpest_then_the_first() -> None:
    image = scenes(1)[0]
    noisy = np.clip(
        image.astype(int) + np.random.default_rng(0).integers(-4, 5, image.shape), 0, 255
    )
    images = np.stack([image, noisy, image, image]).astype(np.uint8)
    sizes = np.array([[480, 640], [10, 10], [480, 640], [240, 320]], np.int32)
    assert groups_of(images, sizes) == (
        Group(0, (0, 1, 2, 3), 0, "largest, 640x480 of 3 sizes, first of 2 equally good"),
    )
    assert groups_of(images) == (Group(0, (0, 1, 2, 3), 1, "sharpest of 4 of this size"),)
    sizes[1:3] = [480, 640], [100, 100]
    found = groups_of(images, sizes)[0]
    assert (found.best, found.reason) == (
        1,
        "largest, 640x480 of 3 sizes, sharpest of 2 of this size",
    )
    assert duplicate_of((found,), 5).tolist() == [1, -1, 1, 1, -1]
    assert duplicate_of((), 2).dtype == np.int32


def test_sets_of_none_and_of_one_have_no_groups() -> None:
    assert groups_of(scenes(1)) == ()
    empty = np.empty((0, 8, 8, 1), np.uint8)
    assert near_duplicates(empty, quality=quality(scenes(1))) == ()


def test_work_is_told() -> None:
    told: list[str] = []
    images = scenes(30)
    near_duplicates(images, quality=quality(images), tell=told.append)
    assert told[-1] == "near-duplicates: 30 of 30 pictures compared"


def saved_as_jpeg(image: np.ndarray, path) -> np.ndarray:
    Image.fromarray(image).save(path, quality=60)
    return np.asarray(Image.open(path))


def resized(image: np.ndarray, box: tuple[float, float, float, float]) -> np.ndarray:
    """A part of a picture at half its size, brought to the size again."""
    picture = Image.fromarray(image)
    side = picture.width
    part = picture.resize((side // 2, side // 2), Image.Resampling.BILINEAR, box=box)
    return np.asarray(part.resize((side, side), Image.Resampling.BILINEAR))


def test_copies_that_were_changed_a_little_are_found(tmp_path) -> None:
    images = scenes(12, side=128)
    side = images.shape[1]
    copies = {
        "jpeg": [saved_as_jpeg(image, tmp_path / "1.jpg") for image in images],
        "half": [resized(image, (0, 0, side, side)) for image in images],
        "brighter": np.clip(images.astype(int) + 12, 0, 255),
        "cropped": [resized(image, (0.02 * side, 0.01 * side, side, side)) for image in images],
    }
    everything = np.concatenate([images, *map(np.asarray, copies.values())]).astype(np.uint8)
    assert members(everything) == [list(range(i, 60, 12)) for i in range(12)]


def test_what_has_the_same_pattern_in_another_colour_is_no_duplicate() -> None:
    shape = scenes(1, channels=1)[0, ..., 0]
    red, blue = np.zeros((2, 64, 64, 3), np.uint8) + shape[..., None] // 4
    red[..., 0] = shape
    blue[..., 2] = shape
    assert members(np.stack([red, blue])) == []


@pytest.mark.full
@pytest.mark.real_data
@pytest.mark.parametrize("name", ["mnist", "cifar10"])
def test_distinct_digits_and_photographs_are_no_duplicates(tfds_dir, name: str) -> None:
    from scratchclust import data

    images = data.load(name, split="test", limit=1500).images
    assert members(images) == []
    brighter = np.clip(images[:300].astype(int) + 10, 0, 255).astype(np.uint8)
    found = members(np.concatenate([images, brighter]))
    assert all(b == a + 1500 for a, b in found)
    assert len(found) > 295


def test_near_is_inclusive_and_that_distance() -> None:
    F = random_fingerprints(2, 0)[:1].repeat(3, axis=0)
    F[1, 256] += int(NEAR_PICTURES * UNIT)
    F[2, 256] -= 1
    assert fast.near_pairs(F).tolist() == [[0, 1], [0, 2]]
