"""What several processes compute together in the tests, and one alone to compare with.

    python -m tests.processes_at_work WORK INDEX COUNT PORT OUTPUT.npz

Every function of WORKS takes the number of a process and how many there are, and gives arrays:
those whose names end in "_of_rows" have an entry for each row of the process.
"""

import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np

import scratchclust
from scratchclust import data, processes, rows
from scratchclust.cluster.kmeans import kmeans, lloyd, plus_plus
from scratchclust.errors import InputError
from scratchclust.metrics import silhouette_estimate

N = 2501
CUTS = {1: [0, N], 2: [0, 1801, N], 4: [0, 1201, 1700, 2002, N]}  # unequal shares
N_IMAGES = 192
IMAGE_CUTS = {1: [0, N_IMAGES], 2: [0, 120, N_IMAGES], 4: [0, 60, 100, 150, N_IMAGES]}
SECONDS = 240
Arrays = dict[str, np.ndarray]


def blobs(index: int, count: int) -> np.ndarray:
    """The points of a process."""
    rng = np.random.default_rng(0)
    middles = rng.normal(size=(12, 20))
    X = rng.normal(size=(N, 20)) * 0.6 + middles[rng.integers(12, size=N)]
    return X[share(CUTS, index, count)].astype(np.float32)


def share(cuts: dict[int, list[int]], index: int, count: int) -> slice:
    """The rows of a process."""
    return slice(*cuts[count][index : index + 2])


def one_kmeans(index: int, count: int) -> Arrays:
    """The quick case."""
    return _found(kmeans(blobs(index, count), 12, key=jax.random.key(1)), "")


def all_kmeans(index: int, count: int) -> Arrays:
    """Every start, both algorithms, a refill, cosine, weights, float64."""
    X = blobs(index, count)
    weights = np.linspace(0.5, 2, N)[share(CUTS, index, count)]
    # the last three centroids have no point: they must be refilled
    far = np.arange(1e3, 4e3, 1e3, np.float32)[:, None] * np.ones(20, np.float32)
    start = np.concatenate([blobs(0, 1)[:9], far])
    found: Arrays = {}
    for init in ("random", "k-means++", "k-means||"):
        for algorithm in ("lloyd", "elkan"):
            key = jax.random.key(1)
            result = kmeans(X, 12, key=key, init=init, algorithm=algorithm, tol=0.0)
            found |= _found(result, f"{init}_{algorithm}")
    found |= _found(lloyd(X, start, tol=0.0), "refill")
    found |= _found(lloyd(X.astype(float), start.astype(float), tol=0.0), "refill64")
    key = jax.random.key(2)
    found |= _found(kmeans(X, 12, key=key, metric="cosine"), "cosine")
    found |= _found(kmeans(X, 12, key=key, sample_weight=weights, init="random"), "weights")
    found |= _found(kmeans(X.astype(float), 12, key=key, n_init=2), "float64")
    return found | {"plus_plus": np.asarray(plus_plus(X, 12, key=key))}


def estimators(index: int, count: int) -> Arrays:
    """PCA, mini-batch k-means, k-means and what it tells, silhouette's estimate."""
    X = blobs(index, count)
    found: Arrays = {}
    for dtype in (np.float32, np.float64):
        pca = scratchclust.PCA(5).fit(X.astype(dtype))
        found[f"axes_{dtype.__name__}"] = pca.components_
        found[f"variance_{dtype.__name__}"] = pca.explained_variance_
        found[f"noise_{dtype.__name__}"] = np.array([pca.noise_variance_, pca.n_samples_])
        found[f"coordinates_{dtype.__name__}_of_rows"] = pca.transform(X.astype(dtype))
    pca = scratchclust.PCA(5, svd_solver="randomized", random_state=0).fit(X)
    found["axes_randomized"] = pca.components_
    few = slice(0, 9 // count)
    found["axes_of_few"] = np.abs(scratchclust.PCA(3).fit(_few(index, count, few)).components_)
    for name, weights in (("", None), ("_weighted", np.linspace(0.5, 2, N))):
        own = None if weights is None else weights[share(CUTS, index, count)]
        batches = scratchclust.MiniBatchKMeans(12, batch_size=256, random_state=0)
        batches.fit(X, sample_weight=own)
        found[f"batches{name}_of_rows"] = batches.labels_
        found[f"batches{name}"] = batches.cluster_centers_
        found[f"batches{name}_ended"] = np.array([batches.inertia_, batches.n_steps_])
    clustered = scratchclust.KMeans(6, random_state=0).fit(X)
    found["clusters_of_rows"] = clustered.labels_
    found["distances_of_rows"] = clustered.transform(X)
    found["score"] = np.array(clustered.score(X))
    estimate = silhouette_estimate(X, clustered.labels_, sample_size=400, random_state=0)
    return found | {"silhouette": np.array(estimate)}


def _few(index: int, count: int, few: slice) -> np.ndarray:
    """Fewer points than features: the first rows of all, as many for each process."""
    n = few.stop
    return blobs(0, 1)[index * n : index * n + n] if count > 1 else blobs(0, 1)[:8]


def training(index: int, count: int) -> Arrays:
    """An autoencoder: its losses, and the codes of the images."""
    images = data.load("digits").images[:N_IMAGES][share(IMAGE_CUTS, index, count)]
    found = scratchclust.AutoencoderFeatures(latent_dim=4, epochs=2, batch_size=64, random_state=0)
    codes = found.fit_transform(images)
    return {"losses": np.array(found.history_["loss"]), "codes_of_rows": codes}


def refusals(index: int, count: int) -> Arrays:
    """What needs all points says so, on every process."""
    X = blobs(index, count)
    said = []
    for refused in (
        lambda: scratchclust.DBSCAN(eps=1.0).fit(X),
        lambda: scratchclust.MiniBatchKMeans(2).partial_fit(X),
        lambda: scratchclust.metrics.silhouette_score(X, np.arange(len(X)) % 2),
        lambda: processes.check_same(index, "numbers"),
        lambda: processes.from_first(_refuse),
    ):
        try:
            refused()
        except InputError as error:
            said.append(str(error))
    return {"said": np.array(said)}


def _refuse() -> None:
    raise InputError(f"process {processes.index()} says no")


def _found(result, name: str) -> Arrays:
    return {
        f"{name}labels_of_rows": np.asarray(result.labels),
        f"{name}centroids": np.asarray(result.centroids),
        f"{name}ended": np.array([result.inertia, result.n_iter]),
    }


WORKS: dict[str, Callable[[int, int], Arrays]] = {
    work.__name__: work for work in (one_kmeans, all_kmeans, estimators, training, refusals)
}


# --- started, and compared


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def by_processes(work: str, count: int, folder: Path) -> list[Arrays]:
    """What each of `count` processes found, with four devices in all."""
    port = str(free_port())
    outputs = [folder / f"{work}-{index}.npz" for index in range(count)]
    started = [
        subprocess.Popen(
            [sys.executable, "-m", __name__, work, str(index), str(count), port, str(output)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for index, output in enumerate(outputs)
    ]
    told = [process.communicate(timeout=SECONDS)[0] for process in started]
    for process, output in zip(started, told, strict=True):
        assert process.returncode == 0, output
    return [dict(np.load(output)) for output in outputs]


def main() -> None:
    work, index, count, port, output = sys.argv[1:]
    jax.config.update("jax_platforms", "cpu")
    jax.config.update("jax_num_cpu_devices", 4 // int(count))
    processes.start(f"127.0.0.1:{port}", int(count), int(index))
    with rows.on(processes.devices()):
        found = WORKS[work](int(index), int(count))
    np.savez(output, allow_pickle=False, **found)


if __name__ == "__main__":
    main()
