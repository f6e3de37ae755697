"""`rows.py` and `distances.py`: blocks of rows on devices, and distances that keep their digits."""

import types
from functools import partial

import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest

from scratchclust import distances, rows, shipping
from scratchclust.errors import InputError
from scratchclust.reference.distances import squared_distances


@pytest.fixture
def unchecked():
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", False)


each_kind = pytest.mark.parametrize("asarray", [np.asarray, jnp.asarray], ids=["numpy", "jax"])


def rows_of(*arrays, block=8):
    return rows.Rows(tuple(rows.split(array, block=block) for array in arrays), rows.mesh())


def first_devices(n):
    return rows.on(jax.local_devices()[:n])


# ------------------------------------------------------------------------------------------
# split, join


@each_kind
@pytest.mark.parametrize("n", [1, 32, 33, 70])
def test_join_undoes_split(asarray, n):
    X = asarray(np.arange(3 * n, dtype=np.float32).reshape(n, 3))
    blocks = rows.split(X, block=8)
    assert blocks.shape[0] % 4 == 0
    assert blocks.shape[1:] == (8, 3)
    assert len(blocks.sharding.device_set) == 4
    np.testing.assert_array_equal(rows.join(blocks, n), X)
    np.testing.assert_array_equal(blocks.reshape(-1, 3)[n:], 0)
    labels = rows.split(asarray(np.arange(n, dtype=np.int32)), block=8, dtype=np.int32)
    np.testing.assert_array_equal(rows.join(labels, n), np.arange(n))
    assert labels.dtype == np.int32


@each_kind
def test_split_subtracts_the_offset_but_not_from_the_filling(asarray):
    X = asarray(np.array([[1.0, 10.0], [2.0, 20.0]], np.float32))
    blocks = rows.split(X, block=1, offset=np.array([1.0, 5.0]))
    np.testing.assert_array_equal(blocks[:, 0], [[0, 5], [1, 15], [0, 0], [0, 0]])


@each_kind
@pytest.mark.parametrize("dtype", [np.float32, np.int32])  # JAX's integers take the way of a device
def test_split_subtracts_from_each_row_what_its_group_has(asarray, dtype, monkeypatch):
    monkeypatch.setattr(rows, "MIN_PART", 4)  # two rows at a time
    X = asarray(np.array([[1, 10], [2, 20], [3, 30], [4, 40], [5, 50]], dtype))
    blocks = rows.split(
        X, block=2, offset=np.array([[1.0, 5.0], [2.0, 0.0]]), group=np.array([0, 1, 1, 0, -1])
    )
    np.testing.assert_array_equal(
        rows.join(blocks, 5), [[0, 5], [0, 20], [1, 30], [3, 35], [3, 50]]
    )
    np.testing.assert_array_equal(blocks.reshape(-1, 2)[5:], 0)


def test_split_keeps_the_digits_of_far_groups():
    X = 1e9 + np.array([[0.25], [0.5], [-1e9 - 3.0]])
    blocks = rows.split(X, block=1, offset=np.array([[1e9], [0.0]]), group=np.array([0, 0, 1]))
    np.testing.assert_array_equal(rows.join(blocks, 3), [[0.25], [0.5], [-3.0]])


@pytest.mark.quick(every=5)
@pytest.mark.parametrize("dtype", [np.float32, np.uint8, np.float16, np.int16])
@pytest.mark.parametrize("how", ["as it is", "one offset", "an offset for each group"])
@pytest.mark.parametrize("n", [7, 21, 24])  # the last of three devices gets nothing, part, or all
def test_accelerators_centre_to_the_bits_of_the_host(dtype, how, n, monkeypatch):
    rng = np.random.default_rng(n)
    X = (100 * rng.random((n, 5))).astype(dtype)
    group = rng.integers(-1, 3, n) if "group" in how else None
    offset = None if how == "as it is" else rng.normal(size=(3, 5) if "group" in how else 5)
    given = {"block": 4, "offset": offset, "group": group}
    with rows.on(jax.local_devices()[:3]):
        on_host = rows.split(X, **given)
        monkeypatch.setattr(rows, "platform", lambda: "gpu")
        monkeypatch.setattr(shipping, "LEAST_NUMBERS", 0)
        monkeypatch.setattr(shipping, "NUMBERS_IN_PIECE", 15)  # three rows
        monkeypatch.setattr(rows, "aligned", None)  # nothing is made on the host
        there = rows.split(X, **given)
    assert there.sharding == on_host.sharding
    assert there.dtype == on_host.dtype == np.float32
    np.testing.assert_array_equal(there, on_host)


@pytest.mark.parametrize("how", ["as it is", "one offset", "an offset for each group"])
@pytest.mark.parametrize("n", [7, 21, 24])
def test_no_accelerator_holds_the_blocks_of_all(how, n, monkeypatch):
    """X of one device is cut up for three: the largest program makes the blocks of one."""
    rng = np.random.default_rng(n)
    X = rng.random((n, 5), np.float32)
    group = rng.integers(0, 3, n) if "group" in how else None
    offset = None if how == "as it is" else rng.normal(size=(3, 5) if "group" in how else 5)
    given = {"block": 4, "offset": offset, "group": group}
    made = []
    real = rows._split_on_device
    monkeypatch.setattr(
        rows, "_split_on_device", lambda *args: made.append(real(*args).size) or real(*args)
    )
    with rows.on(jax.local_devices()[:3]):
        on_host = rows.split(X, **given)
        monkeypatch.setattr(rows, "platform", lambda: "gpu")
        there = rows.split(jnp.asarray(X), **given)
    assert there.sharding == on_host.sharding
    assert made == [on_host.size // 3] * 3
    np.testing.assert_array_equal(there, on_host)


def test_accelerators_get_numbers_that_float32_cannot_hold_centred(monkeypatch):
    monkeypatch.setattr(rows, "platform", lambda: "gpu")
    monkeypatch.setattr(shipping, "LEAST_NUMBERS", 0)
    monkeypatch.setattr(shipping, "in_blocks", None)
    X = 1e9 + np.array([[0.25], [0.5]])
    np.testing.assert_array_equal(
        rows.join(rows.split(X, block=1, offset=[1e9]), 2), [[0.25], [0.5]]
    )
    whole = np.array([[2**30], [2**30 + 1]])
    np.testing.assert_array_equal(
        rows.join(rows.split(whole, block=1, offset=[2**30]), 2), [[0], [1]]
    )
    labels = np.arange(3, dtype=np.int16)
    assert rows.split(labels, block=1, dtype=np.int32).dtype == np.int32


def test_what_stays_on_an_accelerator(monkeypatch, tmp_path):
    """Arrays in memory that fit, and lose no digit."""
    np.save(tmp_path / "X.npy", np.ones((4, 3), np.float32))
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    fitting = [np.ones((4, 3), dtype) for dtype in (np.float32, np.uint8, np.float16)]
    others = [
        np.ones((4, 3)),
        np.ones((4, 3), np.int32),
        np.ones((5, 3), np.float32),
        np.ones((0, 3), np.float32),
        mapped,
        mapped[1:],
        np.asarray(mapped),
        jnp.ones((4, 3)),
    ]
    assert all(rows.resident(X) is X for X in fitting)
    monkeypatch.setattr(rows, "platform", lambda: "gpu")
    monkeypatch.setitem(rows.LIMITS, "gpu", rows.LIMITS["gpu"]._replace(resident_bytes=48))
    assert all(rows.resident(X) is X for X in others)
    for X in fitting:
        there = rows.resident(X)
        assert isinstance(there, jax.Array)
        assert there.dtype == X.dtype


def test_split_subtracts_before_it_rounds():
    X = 1e9 + np.array([[0.25], [0.5]])  # float32 has steps of 64 there
    np.testing.assert_array_equal(
        rows.join(rows.split(X, block=1, offset=[1e9]), 2), [[0.25], [0.5]]
    )


@pytest.mark.usefixtures("unchecked")  # what stands for an array of several processes is none
def test_join_refuses_what_another_process_holds():
    """Of such an array this process can read its own part alone; the rest of the result would be
    whatever lay there.
    """
    elsewhere = types.SimpleNamespace(
        is_fully_addressable=False, shape=(4, 8, 3), dtype=np.dtype(np.float32)
    )
    with pytest.raises(
        InputError,
        match=r"expected blocks on devices of this process.*rows\.on\(jax\.local_devices",
    ):
        rows.join(elsewhere, 20)


@pytest.mark.parametrize("dtype", [np.uint8, np.int64, np.float16])
def test_split_of_other_types_is_float32(dtype):
    blocks = rows.split(np.array([[200], [3]], dtype=dtype), block=2)
    assert blocks.dtype == np.float32
    np.testing.assert_array_equal(rows.join(blocks, 2), [[200], [3]])


def test_float_type():
    assert rows.float_type(np.zeros(1)) == rows.float_type(np.zeros(1, np.uint8)) == np.float32
    with jax.enable_x64(True):
        assert rows.float_type(np.zeros(1)) == np.float64
        assert rows.float_type(np.zeros(1, np.float32)) == np.float32
    assert rows.offset_type(np.zeros(1)) == np.float64
    assert rows.offset_type(np.zeros(1, np.uint8)) == rows.offset_type(jnp.zeros(1)) == np.float32


@pytest.mark.parametrize(
    ("n", "columns", "expected"),
    [
        (1, 1, 1),
        (237, 5, 64),  # a quarter of the rows, rounded up to a power of two
        (10**6, 16, rows.LIMITS["cpu"].block_rows),
        (10**6, 784, 256),
        (10**6, 2**14, 16),
        (10**6, 10**9, 8),
    ],
)
def test_block_size(n, columns, expected):
    assert rows.block_size(n, columns) == expected
    assert expected * columns <= max(rows.LIMITS["cpu"].block_elements, 8 * columns)


@pytest.mark.parametrize("n", [10_000, 60_000, 70_000, 131_073, 1_000_003, 10_000_000])
@pytest.mark.parametrize(("columns", "n_devices"), [(1, 1), (784, 1), (1_000, 1), (784, 4)])
def test_blocks_of_an_accelerator_are_filled(monkeypatch, n, columns, n_devices):
    monkeypatch.setattr(rows, "platform", lambda: "gpu")
    limits = rows.LIMITS["gpu"]
    with rows.on(jax.local_devices()[:n_devices]):
        block = rows.block_size(n, columns)
        n_blocks = rows.ceil_div(n, block * n_devices) * n_devices
    assert n_blocks * block <= n * 9 / 8
    assert block <= limits.block_rows
    assert block * columns <= limits.block_elements
    assert block % limits.block_multiple == 0
    assert n_blocks <= n_devices * (1 + n * max(columns, 1024) * 9 / 8 / limits.block_elements)


# ------------------------------------------------------------------------------------------
# map_sum and take


@pytest.mark.parametrize("n_devices", [1, 2, 4])
def test_map_sum_by_hand(n_devices):
    x, factor = np.arange(35, dtype=np.float32), 3.0

    def f(x, weights, factor):
        return {"sum": (weights * x).sum(), "count": weights.sum()}, factor * x

    with first_devices(n_devices):
        total, kept = jax.jit(partial(rows.map_sum, f))(rows_of(x, np.ones(35, np.float32)), factor)
        assert len(kept.sharding.device_set) == n_devices
        assert (total["sum"], total["count"]) == (34 * 35 / 2, 35)
        np.testing.assert_array_equal(rows.join(kept, 35), factor * x)


def test_map_sum_without_a_sum_or_without_a_map():
    data = rows_of(np.arange(10, dtype=np.float32))
    assert rows.map_sum(lambda x: (None, x), data)[0] is None
    total, kept = rows.map_sum(lambda x: (x.sum(), None), data)
    assert (total, kept) == (45, None)


def test_operands_without_elements_do_not_enter_the_program():
    data, shared = (
        rows_of(np.arange(10, dtype=np.float32)),
        {"a": jnp.zeros((0, 3)), "b": jnp.ones(2), "c": np.zeros(0)},
    )
    total, _ = rows.map_sum(
        lambda x, s: ((x.sum() + s["b"].sum(), s["a"], s["c"].sum()), None), data, shared
    )
    assert (total[0], total[1].shape, total[2]) == (45 + 2 * data.arrays[0].shape[0], (0, 3), 0)
    program = jax.make_jaxpr(
        lambda data, shared: rows.map_sum(lambda x, s: (s["a"], None), data, shared)
    )(data, shared)
    assert [
        v.aval.shape for equation in program.eqns for v in equation.invars if 0 in v.aval.shape
    ] == []


def test_rows_without_elements_are_refused():
    data = rows_of(np.arange(10, dtype=np.float32))
    with pytest.raises(
        ValueError, match=r"expected operands with elements, got one of shape \[4, 8, 0\]"
    ):
        rows.map_sum(lambda x: (x.sum(), None), rows_of(np.zeros((10, 0))))
    with pytest.raises(ValueError, match=r"got one of shape \[0\]"):
        rows.take(data.arrays[0], (jnp.zeros(0, int),), data.mesh)


def test_float32_counters_pass_two_to_the_24():
    n = 2**24 + 2**21  # one by one, a float32 sum of ones stops at 2**24
    with first_devices(1):
        data = rows.Rows((rows.split(np.ones(n, np.float32), block=1024),), rows.mesh())
        assert np.float32(2**24) + np.float32(1) == np.float32(2**24)
        assert jax.jit(lambda data: rows.map_sum(lambda w: (w.sum(), None), data)[0])(data) == n


@pytest.mark.parametrize("n_devices", [1, 4])
def test_take(n_devices):
    X = np.random.default_rng(0).normal(size=(50, 3)).astype(np.float32)
    index = jnp.array([0, 49, 17, 17, 8])
    with first_devices(n_devices):
        blocks = rows.split(X, block=4)
        take = jax.jit(rows.take, static_argnames="mesh")
        np.testing.assert_array_equal(
            take(blocks, (index // 4, index % 4), mesh=rows.mesh()), X[index]
        )
        np.testing.assert_array_equal(
            take(blocks, (index // 4,), mesh=rows.mesh()), np.asarray(blocks)[index // 4]
        )


def test_take_as_on_a_tpu():
    blocks = np.random.default_rng(0).normal(size=(13, 4, 3)).astype(np.float32)
    index = np.array([0, 12, 4, 4, 2]), np.array([0, 3, 1, 1, 2])
    for given in (index, index[:1]):
        np.testing.assert_array_equal(jax.jit(rows.taken_one_by_one)(blocks, given), blocks[given])


# ------------------------------------------------------------------------------------------
# devices


def test_on_holds_inside_and_ends_with_an_error():
    assert rows.mesh().size == 4
    with first_devices(2):
        assert rows.mesh().size == 2
        with pytest.raises(ZeroDivisionError), first_devices(1):
            1 / (rows.mesh().size - 1)
        assert rows.mesh().size == 2
    assert rows.mesh().size == 4


def test_one_device_alone_for_few_elements(monkeypatch):
    monkeypatch.setitem(rows.LIMITS, "cpu", rows.LIMITS["cpu"]._replace(alone=100))
    assert rows.worthwhile(99) == jax.local_devices()[:1]
    assert rows.worthwhile(100) == jax.local_devices()
    with rows.on(jax.local_devices()[1:3]):
        assert rows.worthwhile(99) == jax.local_devices()[1:2]


def test_whole_is_on_every_device():
    array = jax.device_put(np.ones(3), rows.whole())
    assert array.is_fully_replicated
    assert len(array.sharding.device_set) == 4


# ------------------------------------------------------------------------------------------
# distances


@pytest.mark.parametrize("offset", [0.0, 3.0])
def test_squared_distances_are_those_of_the_definition(offset):
    rng = np.random.default_rng(0)
    x, y = (offset + rng.normal(size=(n, 7)).astype(np.float32) for n in (30, 20))
    exact = squared_distances(x.astype(np.float64), y.astype(np.float64))
    found = distances.squared_distances(jnp.asarray(x), jnp.asarray(y))
    largest = np.sqrt(max((x**2).sum(axis=1).max(), (y**2).sum(axis=1).max()))
    assert np.abs(found - exact).max() <= distances.error_bound(float(largest), 7)
    np.testing.assert_allclose(found, exact, rtol=1e-4)


def test_squared_distances_by_hand():
    x, y = np.array([[0.0, 0.0], [1.0, 1.0]]), np.array([[3.0, 4.0], [1.0, 1.0], [0.0, 2.0]])
    expected = [[25, 2, 4], [13, 0, 2]]
    np.testing.assert_array_equal(squared_distances(x, y), expected)
    found = distances.squared_distances(*(jnp.asarray(each, jnp.float32) for each in (x, y)))
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_squared_distances_are_never_negative():
    x = jnp.asarray(1000 + np.random.default_rng(0).normal(size=(50, 20)).astype(np.float32))
    assert (distances.squared_distances(x, x) >= 0).all()


def test_error_bound_grows_with_length_and_precision():
    assert distances.error_bound(1.0, 100) == pytest.approx(4 * 104 * 2**-24, rel=1e-4)
    assert distances.error_bound(10.0, 100) == pytest.approx(100 * distances.error_bound(1.0, 100))
    assert distances.error_bound(1.0, 100, np.float64) == pytest.approx(4 * 104 * 2**-53)


@each_kind
def test_mean_far_from_zero(asarray):
    X = 10_000 + np.random.default_rng(0).normal(size=(5000, 2)).astype(np.float32)
    mean = distances.mean_of(asarray(X))
    np.testing.assert_allclose(
        mean, X.astype(np.float64).mean(axis=0), atol=6e-4
    )  # half a step of float32
    assert mean.dtype == (np.float64 if asarray is np.asarray else np.float32)


@each_kind
def test_centre_is_amid_the_points_whatever_lies_far_away(asarray):
    X = 10_000 + np.random.default_rng(0).normal(size=(5000, 2)).astype(np.float32)
    X[::5] = 1e30
    assert (abs(distances.centre_of(asarray(X)) - 10_000) < 3).all()
    np.testing.assert_array_equal(
        distances.centre_of(asarray(np.array([[1, 2]], np.uint8))), [1, 2]
    )


def test_product_and_norms():
    x, y = jnp.asarray([[1.0, 2.0]]), jnp.asarray([[3.0, 4.0], [5.0, 6.0]])
    np.testing.assert_array_equal(distances.product(x, y), [[11, 17]])
    np.testing.assert_array_equal(distances.squared_norms(y), [25, 61])


# ------------------------------------------------------------------------------------------
# calls


@pytest.mark.parametrize("n", [0, 1, 63, 64, 65, 1000])
@pytest.mark.parametrize("cost", [1, 1e3, 1e30])
def test_calls_cover_all_items_once_and_keep_to_the_cost(n, cost, monkeypatch):
    monkeypatch.setitem(
        rows.LIMITS, "cpu", rows.LIMITS["cpu"]._replace(multiplications_per_call=1e5)
    )
    spans = rows.calls(n, cost, block=8)
    assert [i for span in spans for i in range(n)[span]] == list(range(n))
    unit = 8 * rows.mesh().size
    for span in spans[:-1]:
        assert (span.stop - span.start) % unit == 0
        on_a_device = (span.stop - span.start) / rows.mesh().size
        assert on_a_device * cost <= 1e5 or span.stop - span.start == unit


def test_a_pace_doubles_while_calls_are_quick_and_shrinks_when_they_are_slow(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(rows.time, "perf_counter", lambda: now[0])
    pace = rows.Pace(first=2, longest=50)
    found = []
    for seconds_a_step in [0.001, 0.001, 0.001, 0.001, 0.001, 0.05, 0.05]:
        with pace.timed() as call:
            found.append(call.steps)
            now[0] += seconds_a_step * call.steps
    assert found == [2, 4, 8, 16, 32, 50, 10]


def test_a_pace_counts_the_steps_that_a_call_took(monkeypatch):
    now = [0.0]
    monkeypatch.setattr(rows.time, "perf_counter", lambda: now[0])
    pace = rows.Pace(first=100)
    with pace.timed() as call:
        call.steps = 5
        now[0] += 0.5
    assert pace.steps == 5
