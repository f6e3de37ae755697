"""The optimisers: by hand, NumPy against JAX, against optax, on valleys that are known, and their
specs.
"""

import dataclasses
import json
import pickle

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

import scratchclust
from scratchclust.errors import InputError
from scratchclust.reference import layer_optimizers as layers_reference
from scratchclust.reference import optimizers as reference
from scratchclust.reference import schedules as reference_schedules
from scratchclust.train import layer_optimizers, optimizer_specs, optimizers, schedules
from scratchclust.train.optimizer_specs import (
    OPTIMIZERS,
    AdadeltaSpec,
    AdamSpec,
    AdamWSpec,
    MomentumSpec,
    OptimizerSpec,
    SGDSpec,
    Share,
)
from scratchclust.train.schedules import CosineSpec, StepSpec

# name, settings, optax's own
CASES = [
    ("sgd", {"learning_rate": 0.1}, optax.sgd(0.1)),
    ("momentum", {"learning_rate": 0.02}, optax.sgd(0.02, momentum=0.9)),
    (
        "momentum",
        {"learning_rate": 0.02, "decay": 0.8, "nesterov": True},
        optax.sgd(0.02, momentum=0.8, nesterov=True),
    ),
    (
        "momentum",
        {"learning_rate": 0.02, "weight_decay": 0.1},
        optax.chain(optax.add_decayed_weights(0.1), optax.sgd(0.02, momentum=0.9)),
    ),
    ("adam", {"learning_rate": 0.01}, optax.adam(0.01)),
    (
        "adam",
        {"learning_rate": 0.01, "b1": 0.8, "b2": 0.9, "eps": 1e-2},
        optax.adam(0.01, 0.8, 0.9, 1e-2),
    ),
    ("adamw", {"learning_rate": 0.01, "weight_decay": 0.3}, optax.adamw(0.01, weight_decay=0.3)),
    ("adamw", {"learning_rate": 0.01}, optax.adamw(0.01)),
    ("adadelta", {"learning_rate": 1.0}, optax.adadelta(1.0)),
    ("adadelta", {"learning_rate": 2.0, "rho": 0.95, "eps": 1e-3}, optax.adadelta(2.0, 0.95, 1e-3)),
    # of a vector and a matrix; the kernels are in test_layer_optimizers.py
    (
        "lars",
        {"learning_rate": 2.0, "weight_decay": 0.1, "trust": 0.01},
        optax.lars(
            2.0,
            0.1,
            weight_decay_mask=[False, True],
            trust_coefficient=0.01,
            trust_ratio_mask=[False, True],
        ),
    ),
    (
        "muon",
        {"learning_rate": 0.02, "weight_decay": 0.1, "nesterov": False, "adam_share": 0.5},
        optax.contrib.muon(0.02, weight_decay=0.1, nesterov=False, adam_learning_rate=0.01),
    ),
]
IDS = [f"{name}-{i}" for i, (name, _, _) in enumerate(CASES)]
FAST = vars(optimizers) | vars(layer_optimizers)
SLOW = vars(reference) | vars(layers_reference)


def rosenbrock(p):
    return (1 - p[0]) ** 2 + 100 * (p[1] - p[0] ** 2) ** 2


def minimise(optimizer, f, start, n_steps):
    """The last point of n_steps steps; to the optimiser it is a matrix of one column."""

    def step(carry, _):
        params, state = carry
        gradient = jax.grad(lambda p: f(p[:, 0]))(params)
        updates, state = optimizer.update(gradient, state, params)
        return (optax.apply_updates(params, updates), state), None

    params = jnp.asarray(start, jnp.float32)[:, None]
    return jax.lax.scan(step, (params, optimizer.init(params)), length=n_steps)[0][0][:, 0]


def path_of(update, state, gradients, start, apply=optax.apply_updates):
    """The parameters after each of a series of given gradients."""
    params, path = start, []
    for gradient in gradients:
        updates, state = update(gradient, state, params)
        params = apply(params, updates)
        path.append(params)
    return path


def compiled_path_of(optimizer, gradients, start):
    return path_of(jax.jit(optimizer.update), optimizer.init(start), gradients, start)


def plain_path_of(optimizer, gradients, start):
    def add(params, updates):
        return (
            [p + u for p, u in zip(params, updates, strict=True)]
            if isinstance(params, list)
            else params + updates
        )

    return path_of(optimizer.update, optimizer.init(start), gradients, start, add)


def gradients_of(seed, n_steps=100):
    """Trees of noisy gradients of very different sizes, one of them zero for a while."""
    rng = np.random.default_rng(seed)
    scale = np.array([1e-3, 1, 30], np.float32)
    series = [
        (rng.normal(size=3).astype(np.float32) * scale, rng.normal(size=(2, 2)))
        for _ in range(n_steps)
    ]
    return [[a * (i % 7 > 2), b.astype(np.float32)] for i, (a, b) in enumerate(series)]


# of seed 0 one number of momentum with decay ends 1.5e-6 from optax's where nothing is optimised
@pytest.mark.quick(every=2)
@pytest.mark.parametrize("seed", [1, 0])
@pytest.mark.parametrize(("name", "settings", "peer"), CASES, ids=IDS)
def test_equal_to_optax_over_100_steps(name, settings, peer, seed):
    start = [jnp.array([1.0, -2.0, 0.5]), jnp.ones((2, 2))]
    ours = FAST[name](**settings)
    series = [[jnp.asarray(a), jnp.asarray(b)] for a, b in gradients_of(seed)]
    for mine, other in zip(
        compiled_path_of(ours, series, start), compiled_path_of(peer, series, start), strict=True
    ):
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6, atol=1e-6), mine, other
        )


@pytest.mark.parametrize(("name", "settings", "peer"), CASES, ids=IDS)
def test_numpy_and_jax_take_the_same_path(name, settings, peer):
    start, series = [np.array([1.0, -2.0, 0.5]), np.ones((2, 2))], gradients_of(2)
    slow = plain_path_of(SLOW[name](**settings), series, start)
    to_jax = [
        [jnp.asarray(a, jnp.float32), jnp.asarray(b, jnp.float32)] for a, b in [start, *series]
    ]
    fast = compiled_path_of(FAST[name](**settings), to_jax[1:], to_jax[0])
    for mine, other in zip(slow, fast, strict=True):
        jax.tree.map(
            lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-5, atol=2e-5), mine, other
        )


@pytest.mark.parametrize("module", [reference, optimizers], ids=["numpy", "jax"])
class TestByHand:
    """Two steps with gradients 2 and then 1 from the parameter 3, in exact numbers."""

    def steps(self, optimizer, module):
        kind = np.array if module is reference else jnp.array
        first, second = plain_path_of(optimizer, [kind([2.0]), kind([1.0])], kind([3.0]))
        return float(first[0]), float(second[0])

    def test_sgd(self, module):
        assert self.steps(module.sgd(0.5), module) == (2, 1.5)

    def test_momentum(self, module):
        # velocities 2 and 2/2 + 1 = 2; looking ahead 2 + 2/2 = 3 and 1 + 2/2 = 2
        assert self.steps(module.momentum(0.5, 0.5), module) == (2, 1)
        assert self.steps(module.momentum(0.5, 0.5, nesterov=True), module) == (1.5, 0.5)

    def test_weight_decay_goes_through_the_velocity(self, module):
        # gradients 2 + 3 = 5 and 1 + 0.5 = 1.5; velocities 5 and 4
        assert self.steps(module.momentum(0.5, 0.5, weight_decay=1.0), module) == (0.5, -1.5)

    def test_adam(self, module):
        # b1 = b2 = 1/2: m = 1, m^ = 2; v = 2, v^ = 4; the first step is eta. Then m = 1, m^ = 4/3;
        # v = 3/2, v^ = 2.
        first, second = self.steps(module.adam(1.0, 0.5, 0.5, 0.0), module)
        assert first == pytest.approx(2)
        assert second == pytest.approx(2 - (4 / 3) / np.sqrt(2))

    def test_adamw(self, module):
        first, _ = self.steps(module.adamw(1.0, 0.5, 0.5, 0.0, weight_decay=0.1), module)
        assert first == pytest.approx(3 - 1 - 0.3)

    def test_adadelta(self, module):
        # s = 2, d = 2 sqrt(1 / 3)
        first, _ = self.steps(module.adadelta(1.0, 0.5, 1.0), module)
        assert first == pytest.approx(3 - 2 / np.sqrt(3))


CONVERGENCE = [  # steps to the bottom of a parabola, and of Rosenbrock's valley
    ("sgd", {"learning_rate": 0.1}, 100, {"learning_rate": 1e-3}, 20_000),
    ("momentum", {"learning_rate": 0.05}, 200, {"learning_rate": 5e-4}, 4_000),
    (
        "momentum",
        {"learning_rate": 0.05, "nesterov": True},
        200,
        {"learning_rate": 5e-4, "nesterov": True},
        4_000,
    ),
    ("adam", {"learning_rate": 0.1}, 500, {"learning_rate": 0.02}, 5_000),
    (
        "adamw",
        {"learning_rate": 0.1, "weight_decay": 0.0},
        500,
        {"learning_rate": 0.02, "weight_decay": 0.0},
        5_000,
    ),
    # Adadelta's steps do not shrink by themselves: at a constant rate it wanders in Rosenbrock's
    # valley for ever.
    ("adadelta", {}, 3_000, {"learning_rate": schedules.cosine(1.0, 20_000)}, 20_000),
    # Their steps do not shrink with the slope, either.
    (
        "lars",
        {"learning_rate": schedules.cosine(0.03, 500), "trust": 1.0},
        500,
        {"learning_rate": schedules.cosine(0.03, 4_000), "trust": 1.0},
        4_000,
    ),
    (
        "muon",
        {"learning_rate": schedules.cosine(0.1, 500)},
        500,
        {"learning_rate": schedules.cosine(0.03, 4_000)},
        4_000,
    ),
]


@pytest.mark.quick(every=3)
@pytest.mark.parametrize(
    ("name", "on_parabola", "parabola_steps", "on_valley", "valley_steps"),
    CONVERGENCE,
    ids=[c[0] for c in CONVERGENCE],
)
def test_convergence_table(name, on_parabola, parabola_steps, on_valley, valley_steps):
    make, scales = FAST[name], jnp.array([1.0, 3.0])
    bottom = minimise(
        make(**on_parabola), lambda p: (scales * (p - 2) ** 2).sum(), [5.0, -5.0], parabola_steps
    )
    np.testing.assert_allclose(bottom, [2, 2], atol=2e-2)
    np.testing.assert_allclose(
        minimise(make(**on_valley), rosenbrock, [-1.2, 1.0], valley_steps), [1, 1], atol=5e-2
    )


SCHEDULES = [
    ("constant", (0.3,), {}, optax.constant_schedule(0.3)),
    ("cosine", (0.3, 50), {}, optax.cosine_decay_schedule(0.3, 50)),
    (
        "cosine",
        (0.3, 50),
        {"warmup": 10, "final": 0.01},
        optax.warmup_cosine_decay_schedule(0, 0.3, 10, 50, 0.01),
    ),
    ("step", (0.3, (20, 40)), {}, optax.piecewise_constant_schedule(0.3, {20: 0.1, 40: 0.1})),
    ("step", (0.3, (5,)), {"factor": 0.5}, optax.piecewise_constant_schedule(0.3, {5: 0.5})),
]


@pytest.mark.parametrize(
    ("name", "numbers", "options", "peer"), SCHEDULES, ids=[f"{s[0]}-{s[2]}" for s in SCHEDULES]
)
def test_schedules_equal_optax_and_the_reference(name, numbers, options, peer):
    slow = getattr(reference_schedules, name)(*numbers, **options)
    fast = getattr(schedules, name)(*numbers, **options)
    for t in range(60):
        assert float(slow(t)) == pytest.approx(float(peer(t)), rel=1e-5, abs=1e-7)
        assert float(fast(jnp.int32(t))) == pytest.approx(float(peer(t)), rel=1e-5, abs=1e-7)


@pytest.mark.parametrize(
    ("name", "peer"),
    [
        ("sgd", optax.sgd),
        ("momentum", lambda rate: optax.sgd(rate, momentum=0.9)),
        ("adam", optax.adam),
        ("adamw", optax.adamw),
        ("adadelta", optax.adadelta),
        ("lars", lambda rate: optax.lars(rate, trust_ratio_mask=[False, True])),
    ],
)
def test_a_schedule_takes_the_place_of_a_rate(name, peer):
    series = [[jnp.asarray(a), jnp.asarray(b)] for a, b in gradients_of(3)]
    start = [jnp.ones(3), jnp.ones((2, 2))]
    ours = compiled_path_of(FAST[name](schedules.cosine(0.1, 80, warmup=10)), series, start)
    other = compiled_path_of(
        peer(optax.warmup_cosine_decay_schedule(0, 0.1, 10, 80)), series, start
    )
    jax.tree.map(
        lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6), ours[-1], other[-1]
    )
    numbers = reference_schedules.cosine(0.1, 80, warmup=10)
    vectors = [[a] for a, _ in gradients_of(3)]
    slow = plain_path_of(SLOW[name](numbers), vectors, [np.ones(3)])
    np.testing.assert_allclose(slow[-1][0], ours[-1][0], rtol=2e-5, atol=2e-5)


@pytest.mark.parametrize("name", list(OPTIMIZERS))
def test_a_step_is_compiled_once(name):
    traces, optimizer = [], OPTIMIZERS[name](learning_rate=CosineSpec(0.1, warmup=0.1)).build(20)

    @jax.jit
    def step(params, state):
        traces.append(name)
        updates, state = optimizer.update(2 * params, state, params)
        return params + updates, state

    params = jnp.ones(3)
    state = optimizer.init(params)
    for _ in range(5):
        params, state = step(params, state)
    assert traces == [name]
    assert state.count == 5


class TestSpecs:
    def test_each_builds_its_function(self):
        gradient, params = jnp.array([2.0]), jnp.array([3.0])
        for spec in OPTIMIZERS.values():
            built, made = spec(learning_rate=0.1).build(10), spec.function(0.1)
            one, two = (
                optimizer.update(gradient, optimizer.init(params), params)[0]
                for optimizer in (built, made)
            )
            np.testing.assert_array_equal(one, two)

    def test_every_number_arrives(self):
        spec = MomentumSpec(learning_rate=1.0, decay=0.5, nesterov=True, weight_decay=1.0)
        optimizer, params = spec.build(1), jnp.array([3.0])
        updates, _ = optimizer.update(jnp.array([1.0]), optimizer.init(params), params)
        assert updates[0] == -(4 + 0.5 * 4)

    def test_the_same_numbers_build_the_same_object(self):
        assert AdamSpec(0.1).build(10) is AdamSpec(0.1).build(99)
        assert AdamSpec(0.1).build(10) is not AdamSpec(0.2).build(10)
        assert AdamSpec(CosineSpec(0.1)).build(10) is AdamSpec(CosineSpec(0.1)).build(10)
        assert AdamSpec(CosineSpec(0.1)).build(10) is not AdamSpec(CosineSpec(0.1)).build(99)
        assert AdamSpec(0.1).build(10) is not AdamWSpec(0.1).build(10)

    def test_shares_of_a_run_become_steps(self):
        rate = CosineSpec(0.4, warmup=0.1, final=0.1).build(100)
        assert [float(rate(t)) for t in (0, 5, 10, 100)] == pytest.approx([0, 0.2, 0.4, 0.1])
        rate = StepSpec(0.4, boundaries=(0.5, 0.75), factor=0.5).build(100)
        assert [float(rate(t)) for t in (49, 50, 74, 75)] == pytest.approx([0.4, 0.2, 0.2, 0.1])

    def test_they_are_plain_data(self):
        for spec in (
            SGDSpec(),
            AdadeltaSpec(0.5),
            AdamSpec(CosineSpec(0.1, warmup=0.2)),
            AdamWSpec(StepSpec(0.1)),
        ):
            assert pickle.loads(pickle.dumps(spec)) == spec
            assert json.loads(json.dumps(dataclasses.asdict(spec)))
            assert hash(spec) == hash(dataclasses.replace(spec))

    @pytest.mark.parametrize(
        ("make", "message"),
        [
            (
                lambda: AdamSpec(0.0),
                r"expected learning_rate to be a positive number \(0.001 is usual\), a .*, got 0.0",
            ),
            (
                lambda: AdamSpec(float("nan")),
                r"expected learning_rate to be a positive number .*, got nan",
            ),
            (
                lambda: SGDSpec(float("inf")),
                r"expected learning_rate to be a positive number .*, got inf",
            ),
            (
                lambda: AdamSpec(b1=1.0),
                "expected b1 to be at least 0 and below 1, a share that is kept at each step",
            ),
            (
                lambda: AdamWSpec(weight_decay=-0.1),
                "expected weight_decay to be a finite number of at least 0, got -0.1",
            ),
            (lambda: CosineSpec(-1.0), r"expected peak to be a positive number .*, got -1.0"),
            (
                lambda: CosineSpec(0.1, warmup=5.0),
                "expected warmup to be at least 0 and below 1, as a share of the run",
            ),
            (
                lambda: CosineSpec(0.1, final=0.2),
                "expected final to be between 0 and the peak 0.1, got 0.2",
            ),
            (
                lambda: StepSpec(0.1, boundaries=(30.0,)),
                "expected each of boundaries to be at least 0 and below 1, as a share",
            ),
        ],
    )
    def test_impossible_numbers_are_refused(self, make, message):
        with pytest.raises(InputError, match=message):
            make()

    def test_numbers_of_numpy_become_those_of_python(self):
        spec = AdamSpec(np.float64(0.5), b1=np.float64(0.25))
        assert {type(value) for value in dataclasses.astuple(spec)} == {float}
        assert spec == AdamSpec(0.5, b1=0.25)


class TestANewOptimizer:
    @pytest.fixture(autouse=True)
    def the_list_as_it_was(self, monkeypatch):
        monkeypatch.setattr(optimizer_specs, "OPTIMIZERS", OPTIMIZERS.copy())

    def toy(self):
        def halving(learning_rate, beta):
            return optimizers.sgd(learning_rate * beta)

        @dataclasses.dataclass(frozen=True)
        class HalvingSpec(OptimizerSpec, of=halving):
            """Slower descent."""

            beta: Share = 0.5

        return HalvingSpec

    def test_it_is_known_by_its_name_once_it_is_defined(self):
        spec = self.toy()
        built, described = optimizer_specs.build_optimizer("halving", 10)
        params = jnp.array([3.0])
        updates, _ = built.update(jnp.array([2.0]), built.init(params), params)
        assert updates[0] == pytest.approx(-0.01)
        assert described == str(spec())
        assert spec(0.1).build(1) is spec(0.1).build(2)
        assert optimizer_specs.optimizer_of(spec(), 0.25) == spec(0.25, 0.5)

    @pytest.mark.parametrize("beta", [1.0, -0.1, float("nan"), "0.5", None])
    def test_its_fields_are_checked_by_what_they_are(self, beta):
        with pytest.raises(InputError, match="expected beta to be at least 0 and below 1, a share"):
            self.toy()(beta=beta)

    def test_a_field_that_nothing_checks_is_refused(self):
        with pytest.raises(TypeError, match=r"BareSpec.beta has no rule: annotate it as Share"):

            @dataclasses.dataclass(frozen=True)
            class BareSpec(OptimizerSpec, of=optimizers.sgd):
                """Not to be."""

                beta: float = 0.5

        assert optimizer_specs.OPTIMIZERS["sgd"] is SGDSpec

    def test_those_of_this_package_have_public_names(self):
        """The lazy list, which must not load jax, against the classes that entered themselves."""
        public = {
            name for name, module in scratchclust.SPECS.items() if module == "train.optimizer_specs"
        }
        entered = {spec.__name__ for spec in OPTIMIZERS.values()}
        assert public == entered, "SPECS in scratchclust/__init__.py lists them, too"
        assert all(getattr(scratchclust, spec.__name__) is spec for spec in OPTIMIZERS.values())
        assert set(OPTIMIZERS) == {spec.function.__name__ for spec in OPTIMIZERS.values()}
