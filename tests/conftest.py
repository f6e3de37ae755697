"""Every test runs on simulated CPU devices, with rank promotion an error and shapes checked by
beartype.

SCRATCHCLUST_TEST_PLATFORM=gpu (or tpu) runs them on an accelerator instead, without `-n`: one
process has the device. The tolerances stay: float32 means float32 on every device, in networks too.
"""

import collections
import gc
import itertools
import os
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

# NumPy's linear algebra on the host is of small matrices here. Its threads wait for each other in
# circles: on a machine whose cores are busy with other workers an eigh of 648 x 648 took 4 s with
# two of them, and 0.02 s with one.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# Those of OpenMP (scikit-learn's, torch's) wait by counting, which takes a core from the others.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# What one test compiled, no other need compile again: neither in this process, nor in its other
# workers, nor in the programs that tests start. Some of these are killed, and may leave half a
# file: that costs time, and nothing is said.
os.environ.setdefault(
    "JAX_COMPILATION_CACHE_DIR", str(Path(__file__).parents[1] / ".pytest_cache" / "compiled")
)
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.1")
os.environ.setdefault(
    "PYTHONWARNINGS",
    ",".join(
        f"ignore:Error {what} persistent compilation cache" for what in ("reading", "writing")
    ),
)

import jax
import pytest

from tests import late_checks

late_checks.install()
jax.config.update("jax_num_cpu_devices", 4)
PLATFORM = os.environ.get("SCRATCHCLUST_TEST_PLATFORM", "cpu")
# "gpu" is CUDA or ROCm, which JAX takes by itself where it is there
jax.config.update("jax_platforms", None if PLATFORM == "gpu" else PLATFORM)
if PLATFORM != "cpu" and jax.default_backend() != PLATFORM:
    raise pytest.UsageError(
        f"SCRATCHCLUST_TEST_PLATFORM={PLATFORM}, but JAX finds {jax.default_backend()}"
    )
jax.config.update("jax_numpy_rank_promotion", "raise")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--all", action="store_true", help="also the tests marked `full`: they take long"
    )
    parser.addoption(
        "--compile-quickly",
        action="store_true",
        help="as the quick tier does: without most of XLA's optimisations",
    )
    parser.addoption(
        "--first-cases",
        action="store_true",
        help="of each parametrised test the first case alone, for each twin: to notice what other "
        "versions of libraries break",
    )


# Most of the tests' time is that of XLA's compiler: thousands of programs, each called once or
# twice on few data. So the quick tier has them compiled with less optimisation, in one piece, and,
# where XLA still has others, without the emitters of fusions that go through MLIR: in less than
# half of the time. `--all` and `-m` compile as users' programs are compiled.
COMPILE_QUICKLY = "--xla_backend_optimization_level=0 --xla_cpu_parallel_codegen_split_count=1"
if jax.__version_info__ < (0, 11):  # a flag that XLA does not know ends the process
    COMPILE_QUICKLY += " --xla_cpu_use_fusion_emitters=false"


def pytest_configure(config: pytest.Config) -> None:
    """Chooses how programs are compiled, here, in the workers and in what tests start: XLA reads
    it at its first program.
    """
    config.addinivalue_line(
        "markers",
        "quick(n, every=1): of the cases of this test, n (or all), every so many, are of the quick "
        "tier; the others are `full`",
    )
    if _is_quick(config) or config.getoption("--compile-quickly"):
        os.environ.setdefault("XLA_FLAGS", COMPILE_QUICKLY)


def _is_quick(config: pytest.Config) -> bool:
    return not (config.getoption("--all") or config.getoption("-m"))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Hands the tests of the quick tier out by files, unless asked for another `--dist`.

    What a file compiles and what its fixtures build is then traced, compiled and built by one
    worker, and not by each of them. (Some files of the full tier would keep one worker busy alone.)
    """
    if config.getoption("dist") != "load" or not _is_quick(config):
        return None
    from xdist.scheduler import LoadFileScheduling

    return LoadFileScheduling(config, log)


@pytest.hookimpl(tryfirst=True)  # before `-m full` chooses among the marks
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves out what is marked `full`, unless asked for with --all, -m.

    With `--dist loadgroup` tests that share a fixture of their file go to one worker, which builds
    it once: in the full tier some take a minute.
    """
    _leave_cases_to_the_full_tier(items)
    for item in items:
        if _shares_a_fixture(item):
            item.add_marker(pytest.mark.xdist_group(item.nodeid.partition("::")[0]))
    kept = items[:]
    if _is_quick(config):
        kept = [item for item in kept if not item.get_closest_marker("full")]
    if config.getoption("--first-cases"):
        kept = _first_cases(kept)
    if len(kept) < len(items):
        chosen = set(kept)
        config.hook.pytest_deselected(items=[item for item in items if item not in chosen])
        items[:] = kept


def pytest_collection_finish() -> None:
    """Leaves what is there by now out of Python's search for circles of objects: JAX, its libraries
    and thousands of tests, again and again, took a twentieth of the time.
    """
    gc.collect()
    gc.freeze()


def _leave_cases_to_the_full_tier(items: list[pytest.Item]) -> None:
    """Marks as `full` the cases of parametrised tests that `quick(n, every)` does not keep."""
    cases: collections.Counter[str] = collections.Counter()
    for item in items:
        quick = item.get_closest_marker("quick")
        if quick is None:
            continue
        name = item.nodeid.partition("[")[0]
        kept, rest = divmod(cases[name], quick.kwargs.get("every", 1))
        cases[name] += 1
        if rest or (quick.args and kept >= quick.args[0]):
            item.add_marker("full")


def _first_cases(items: list[pytest.Item]) -> list[pytest.Item]:
    """Of each test one case; of one that meets both twins, a case in NumPy and one in JAX."""
    first: dict[tuple[str, ...], pytest.Item] = {}
    for item in items:
        name, _, case = item.nodeid.partition("[")
        twins = {"numpy", "jax"}.intersection(case.rstrip("]").split("-"))
        first.setdefault((name, *sorted(twins)), item)
    return list(first.values())


def _shares_a_fixture(item: pytest.Item) -> bool:
    known = getattr(item, "_fixtureinfo", None)
    found = known.name2fixturedefs.values() if known else ()
    return any(definitions[-1].scope == "module" for definitions in found)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Makes what a test logged fit to be sent: names of files that are no UTF-8 would end the
    worker of pytest-xdist, and all tests with it.
    """
    report = yield
    report.sections = [
        (title, text.encode("utf-8", "backslashreplace").decode())
        for title, text in report.sections
    ]
    return report


MAPS = Path("/proc/self/maps")
MOST_MAPS = Path("/proc/sys/vm/max_map_count")
tests_done = itertools.count(1)


@pytest.fixture(autouse=True, scope="session")
def all_devices() -> None:
    """The data of a test are few, but they are to meet all devices."""
    from scratchclust import rows

    rows.LIMITS["cpu"] = rows.LIMITS["cpu"]._replace(alone=0)


@pytest.fixture(autouse=True)
def room_for_programs() -> Iterator[None]:
    """Forgets compiled programs before there are too many of them.

    XLA:CPU maps each program into memory in several pieces, and a process may have 65,530 pieces on
    Linux: beyond, the compiler dies of a segmentation fault. Two processes that share all tests
    come to that number.
    """
    yield
    if (
        next(tests_done) % 20 == 0
        and MAPS.exists()
        and MAPS.read_text().count("\n") > int(MOST_MAPS.read_text()) // 2
    ):
        jax.clear_caches()


@pytest.fixture
def accelerator_road(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """On one device of this CPU, the road that a GPU would take: in programs the branch of
    `platform_dependent` that is CUDA's or everybody's, in Python what `rows.platform` decides, and
    JAX arrays that NumPy must not read where they are.

    One device: several CPU devices lock up where nobody waits, and on an accelerator nobody does.
    """
    from scratchclust import rows

    def of_gpu(*args: Any, default: Any = None, **of_platform: Any) -> Any:
        return of_platform.get("cuda", default)(*args)

    monkeypatch.setattr(jax.lax, "platform_dependent", of_gpu)
    monkeypatch.setattr(rows, "platform", lambda: "gpu")
    monkeypatch.setattr(rows, "is_on_host", lambda X: not isinstance(X, jax.Array))
    jax.clear_caches()  # what is compiled has taken the other road, and would be taken again
    with rows.on(jax.local_devices()[:1]):
        yield
    jax.clear_caches()


@pytest.fixture(autouse=True)
def real_data_or_skip(request: pytest.FixtureRequest) -> None:
    """Whoever is marked as reading real data is skipped where there is none."""
    if request.node.get_closest_marker("real_data"):
        request.getfixturevalue("tfds_dir")


@pytest.fixture(scope="session")
def tfds_dir() -> Path:
    """The folder of prepared data sets, or a skip with its reason."""
    folder = os.environ.get("TFDS_DATA_DIR", "")
    if not folder or not (Path(folder) / "mnist").is_dir():
        pytest.skip(
            "needs prepared MNIST and CIFAR-10: set TFDS_DATA_DIR to a folder that "
            "`scratchclust data` made"
        )
    return Path(folder)
