"""Fitted estimators and pipelines as a folder of plain files, and back: safetensors for arrays,
JSON for the rest.

    model.json             class names, parameters, fitted values; arrays by their key
    arrays.safetensors     the arrays
    manifest.json          schema version, version of the package, and the SHA-256 of the other two

Nothing is pickled, so a file from a stranger can at worst be refused. Folders that a fit would
write to or unpickle from (`checkpoint_dir`, a Pipeline's `memory`) are not saved, and not believed.
This module knows no class: it finds the estimators by their public names in the package, and
`Pipeline` in scikit-learn.
"""

import dataclasses
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline

import scratchclust
from scratchclust.errors import InputError
from scratchclust.files import sha256_of_file, whole_folder

SCHEMA = 1
MODEL = "model.json"
ARRAYS = "arrays.safetensors"
MANIFEST = "manifest.json"
FOLDERS = ("memory", "checkpoint_dir")  # parameters that are places on this machine


def save(estimator: Any, path: str | Path) -> None:
    """Write an estimator of this package, or a Pipeline of them, to a new folder.

    The folder appears whole or not at all.

    Args:
        estimator: fitted or not.
        path: a folder that does not exist yet.

    Raises:
        InputError: the folder exists, or the estimator holds something that cannot be written
            without pickle.
    """
    path = Path(path)
    _check_free(path)
    content = _content_of(estimator)  # first: what is refused leaves not even the folders above
    with whole_folder(path) as draft:
        _write(content, draft)
        _check_free(path)  # again: nothing that came to lie there meanwhile is replaced


def write(estimator: Any, folder: Path) -> None:
    """Write the files of an estimator into an empty folder. Raises InputError as `save` does."""
    _write(_content_of(estimator), folder)


def _content_of(estimator: Any) -> tuple[str, dict[str, np.ndarray]]:
    """The text of the model's file, and the arrays that it names."""
    arrays: dict[str, np.ndarray] = {}
    model = json.dumps(_encode(estimator, type(estimator).__name__, arrays), indent=1)
    return model, arrays


def _write(content: tuple[str, dict[str, np.ndarray]], folder: Path) -> None:
    from safetensors.numpy import save_file

    model, arrays = content
    (folder / MODEL).write_text(model, encoding="utf-8")
    save_file(arrays, folder / ARRAYS)
    digests = {name: sha256_of_file(folder / name) for name in (MODEL, ARRAYS)}
    manifest = {"schema": SCHEMA, "scratchclust": scratchclust.__version__, "sha256": digests}
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=1), encoding="utf-8")


def _check_free(path: Path) -> None:
    if path.exists():
        raise InputError(f"{path} exists already: give a new folder, or remove it first")


def load(path: str | Path) -> Any:
    """Read the estimator or Pipeline that `save` wrote.

    Raises:
        InputError: no such folder; a file that is missing, damaged, a link, or of a later schema;
            an unknown class; or contents that `save` does not write.
    """
    path = Path(path)
    for name in (MODEL, ARRAYS, MANIFEST):
        if (path / name).is_symlink():
            raise InputError(
                f"{path / name} is a link, which may lead anywhere: put the file itself there"
            )
    if not (path / MANIFEST).is_file():
        raise InputError(
            f"{path} is no saved model: expected a folder with {MANIFEST}, as `save` writes it"
        )
    try:
        manifest = json.loads((path / MANIFEST).read_bytes())
        schema = manifest["schema"]
        digests = dict(manifest["sha256"])
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path / MANIFEST} is damaged: restore it from a backup, or save the model again"
        ) from error
    if schema != SCHEMA:
        raise InputError(
            f"{path} has schema {schema}, this version reads {SCHEMA}: "
            "install the version that saved it"
        )
    _check_digests(path, digests)
    from safetensors.numpy import load_file

    try:
        estimator = _decode(json.loads((path / MODEL).read_bytes()), load_file(path / ARRAYS))
    except InputError:
        raise
    # The digests agree, so it is not damage; what else is in it may fail in any way.
    except Exception as error:
        reason = f"{type(error).__name__}: {error}"
        raise InputError(
            f"{path} was not written by `save` ({reason}): save the model again"
        ) from error
    if not isinstance(estimator, BaseEstimator):
        raise InputError(f"{path} holds no estimator: save the model again")
    return estimator


def _check_digests(folder: Path, digests: dict[str, str]) -> None:
    for name in (MODEL, ARRAYS):
        if not (folder / name).is_file():
            raise InputError(
                f"{folder / name} is missing: restore it from a backup, or save the model again"
            )
        if sha256_of_file(folder / name) != digests.get(name):
            raise InputError(
                f"{folder / name} is damaged (its SHA-256 differs from the manifest's): "
                "save it again"
            )


def _encode(value: Any, where: str, arrays: dict[str, np.ndarray]) -> Any:
    """`value` as JSON; arrays go to `arrays` under the name of the place they were found at."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.generic):
        return _encode(value.item(), where, arrays)
    if isinstance(value, BaseEstimator):
        return _encode_estimator(value, where, arrays)
    if dataclasses.is_dataclass(value) and type(value).__name__ in scratchclust.SPECS:
        fields = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        return {"spec": type(value).__name__, "fields": _encode(fields, where, arrays)["dict"]}
    if isinstance(value, list | tuple):
        items = [_encode(item, f"{where}.{i}", arrays) for i, item in enumerate(value)]
        return {"tuple": items} if isinstance(value, tuple) else items
    if isinstance(value, dict) and all(isinstance(key, str) for key in value):
        return {
            "dict": {key: _encode(item, f"{where}.{key}", arrays) for key, item in value.items()}
        }
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, np.ndarray) and value.dtype.kind == "U":
        return {"words": value.tolist()}  # classes_
    if (
        isinstance(value, np.ndarray)
        and value.dtype == object
        and all(isinstance(item, str) for item in value.flat)
    ):
        return {"strings": value.tolist()}  # feature_names_in_
    if hasattr(value, "__array__") and np.asarray(value).dtype.kind in "biuf":
        arrays[where] = np.asarray(value, order="C")
        return {"array": where, "jax": type(value).__module__.startswith("jax")}
    raise InputError(
        f"{where} is a {type(value).__name__}, which cannot be saved: "
        "set it to a number, word or array"
    )


def _encode_estimator(estimator: Any, where: str, arrays: dict[str, np.ndarray]) -> dict[str, Any]:
    name = type(estimator).__name__
    if _class_of(name) is not type(estimator):
        raise InputError(
            f"{where} is a {type(estimator)}: "
            "only estimators of scratchclust, and Pipeline, can be saved"
        )
    parameters = estimator.get_params(deep=False)
    fitted = {k: v for k, v in vars(estimator).items() if _is_fitted_name(k)}
    record = {
        "estimator": name,
        "parameters": {
            k: _encode(v, f"{where}.{k}", arrays) for k, v in parameters.items() if k not in FOLDERS
        },
        "fitted": {k: _encode(v, f"{where}.{k}", arrays) for k, v in fitted.items()},
    }
    output = getattr(estimator, "_sklearn_output_config", None)  # of set_output
    return {**record, "output": output["transform"]} if output else record


def _is_fitted_name(name: str) -> bool:
    return name.endswith("_") and not name.startswith("_")


def _decode(value: Any, arrays: dict[str, np.ndarray]) -> Any:
    if isinstance(value, list):
        return [_decode(item, arrays) for item in value]
    if not isinstance(value, dict):
        return value
    if "estimator" in value:
        parameters = {
            k: _decode(v, arrays) for k, v in value["parameters"].items() if k not in FOLDERS
        }
        estimator = _class_of(value["estimator"])(**parameters)
        vars(estimator).update(
            {k: _decode(v, arrays) for k, v in value["fitted"].items() if _is_fitted_name(k)}
        )
        return estimator.set_output(transform=value["output"]) if "output" in value else estimator
    if "spec" in value:
        fields = {name: _decode(field, arrays) for name, field in value["fields"].items()}
        return _spec_of(value["spec"])(**fields)
    if "tuple" in value:
        return tuple(_decode(value["tuple"], arrays))
    if "dict" in value:
        return {k: _decode(v, arrays) for k, v in value["dict"].items()}
    if "words" in value:
        return np.array(value["words"], dtype=str)
    if "strings" in value:
        return np.array(value["strings"], dtype=object)
    return _array(arrays[value["array"]], value["jax"])


def _array(array: np.ndarray, as_jax: bool) -> Any:
    if not as_jax:
        return array
    import jax.numpy as jnp

    return jnp.asarray(array)


def _class_of(name: str) -> type:
    if name == "Pipeline":
        return Pipeline
    if name not in scratchclust.ESTIMATORS:
        raise InputError(
            f"{name!r} is no public estimator of scratchclust {scratchclust.__version__}: "
            "is it newer?"
        )
    return getattr(scratchclust, name)


def _spec_of(name: str) -> Any:
    if name not in scratchclust.SPECS:
        raise InputError(
            f"{name!r} is no public spec of scratchclust {scratchclust.__version__}: is it newer?"
        )
    return getattr(scratchclust, name)
