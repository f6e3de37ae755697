"""scratchclust: image clustering from scratch, in NumPy to be read and in JAX to be fast.

Importing the package loads neither jax nor scikit-learn: each public name is imported when it is
first used.
"""

import importlib
from typing import Any

__version__ = "0.1.0"

ESTIMATORS = {
    "KMeans": "kmeans",
    "PCA": "pca",
    "TSNE": "tsne",
    "SpectralClustering": "spectral",
    "DBSCAN": "dbscan",
    "AgglomerativeClustering": "agglomerative",
    "GaussianMixture": "gaussian_mixture",
    "MiniBatchKMeans": "minibatch_kmeans",
    "KernelPCA": "kernel_pca",
    "PixelFeatures": "pixels",
    "GradientFeatures": "gradients",
    "PatchFeatures": "patches",
    "AutoencoderFeatures": "autoencoder",
    "DECFeatures": "dec",
    "SelfSupervisedFeatures": "self_supervised",
    "SCANFeatures": "scan",
    "MostProbable": "most_probable",
    "ClassifierFeatures": "classifier",
    "ClassLossFeatures": "class_losses",
    "PretrainedFeatures": "pretrained",
}
SPECS = {  # frozen dataclasses that say a network, an optimiser, a schedule or views
    "ConvAutoencoderSpec": "models",
    "UNetSpec": "models",
    "VAESpec": "models",
    "ClassifierSpec": "models",
    "ResNetSpec": "models",
    "StridedSpec": "models",
    "ProjectorSpec": "models",
    "EncoderProjectorSpec": "models",
    "EfficientNetSpec": "models",
    "VisionTransformerSpec": "models",
    "SGDSpec": "train.optimizer_specs",
    "MomentumSpec": "train.optimizer_specs",
    "AdamSpec": "train.optimizer_specs",
    "AdamWSpec": "train.optimizer_specs",
    "AdadeltaSpec": "train.optimizer_specs",
    "LARSSpec": "train.optimizer_specs",
    "MuonSpec": "train.optimizer_specs",
    "CosineSpec": "train.schedules",
    "StepSpec": "train.schedules",
    "ViewSpec": "train.view_specs",
}
FUNCTIONS = {"estimate": "estimates"}
_MODULES = (
    "cluster",
    "data",
    "devices",
    "errors",
    "estimates",
    "experiment",
    "estimators",
    "features",
    "metrics",
    "models",
    "neighbors",
    "persist",
    "recipes",
    "reduce",
    "reference",
    "report",
    "results",
    "rows",
    "runs",
    "train",
)

__all__ = ["__version__", *ESTIMATORS, *SPECS, *FUNCTIONS, *_MODULES]


def __getattr__(name: str) -> Any:
    if name in ESTIMATORS:
        return getattr(importlib.import_module(f"scratchclust.estimators.{ESTIMATORS[name]}"), name)
    if name in SPECS:
        return getattr(importlib.import_module(f"scratchclust.{SPECS[name]}"), name)
    if name in FUNCTIONS:
        return getattr(importlib.import_module(f"scratchclust.{FUNCTIONS[name]}"), name)
    if name in _MODULES:
        return importlib.import_module(f"scratchclust.{name}")
    raise AttributeError(f"module 'scratchclust' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
