"""Every test runs on simulated CPU devices, with rank promotion an error and shapes checked by beartype."""

import os
from pathlib import Path

import jax
import pytest

jax.config.update("jax_num_cpu_devices", 4)
jax.config.update("jax_platforms", "cpu")
jax.config.update("jax_numpy_rank_promotion", "raise")


@pytest.fixture(scope="session")
def tfds_dir() -> Path:
    """The folder of prepared data sets, or a skip with its reason."""
    folder = os.environ.get("TFDS_DATA_DIR", "")
    if not folder or not (Path(folder) / "mnist").is_dir():
        pytest.skip("needs prepared MNIST and CIFAR-10: set TFDS_DATA_DIR to a folder that `scratchclust data` made")
    return Path(folder)
