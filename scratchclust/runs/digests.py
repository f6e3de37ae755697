"""The SHA-256 of what is read again: nothing that was changed since is believed.

A folder of files has a manifest of its own (`write_manifest`), as a model has; the files beside
them in a run's folder, and those manifests, are in one for the whole run (`seal`), written last.
"""

import json
from collections.abc import Iterable
from pathlib import Path

from scratchclust.errors import InputError
from scratchclust.files import sha256_of_file, write_json

MANIFEST = "manifest.json"
SCHEMA = 1
# of a run's folder, as far as they are there; whole folders by the manifests in them
SEALED = (
    "metrics.json",
    "assignments.csv",
    "findings.json",
    "model/manifest.json",
    "nearness/manifest.json",
    "thumbnails/thumbnails.json",
)
CURE = "restore it from a backup, or make the run again with overwrite="


def write_manifest(folder: Path, names: Iterable[str]) -> None:
    """Write the digests of these files of a folder, as the last of its files."""
    digests = {name: sha256_of_file(folder / name) for name in names}
    write_json(folder / MANIFEST, {"schema": SCHEMA, "sha256": digests})


def check_manifest(folder: Path, names: Iterable[str]) -> None:
    """Refuse a folder in which one of these files is not as its manifest has it.

    Raises:
        InputError: a file is missing, damaged, a link or not in the manifest, or the manifest is of
            a newer schema.
    """
    digests = _read_manifest(folder / MANIFEST)
    wanted = set(names)
    if digests.keys() != wanted:
        other = sorted(digests.keys() ^ wanted)[0]
        raise InputError(f"{folder / MANIFEST} is damaged ({other!r}): {CURE}")
    for name, digest in digests.items():
        _check_file(folder / name, digest)


def seal(run_folder: Path) -> None:
    """Write the digests of all that is read again of a run's folder; call it last."""
    write_manifest(run_folder, [name for name in SEALED if (run_folder / name).is_file()])


def check_seal(run_folder: Path) -> None:
    """Refuse a run's folder of which something was changed since it was written.

    A run of a version that wrote no seal passes.

    Raises:
        InputError: as `check_manifest`.
    """
    if (run_folder / MANIFEST).exists():
        there = {name for name in SEALED if (run_folder / name).is_file()}
        sealed = _read_manifest(run_folder / MANIFEST)
        for name in SEALED:
            if name in sealed and name not in there:
                raise InputError(f"{run_folder / name} is missing: {CURE}")
        check_manifest(run_folder, there)


def _read_manifest(path: Path) -> dict[str, str]:
    if path.is_symlink():
        raise _is_link(path)
    try:
        manifest = json.loads(path.read_bytes())
        schema = manifest["schema"]
        digests = dict(manifest["sha256"])
    except FileNotFoundError as error:
        raise InputError(f"{path} is missing: {CURE}") from error
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} is damaged: {CURE}") from error
    if schema != SCHEMA:
        raise InputError(
            f"{path} has schema {schema!r}, this version of scratchclust reads {SCHEMA}: use the "
            "version that made it, or make the run again"
        )
    return digests


def _check_file(path: Path, digest: str) -> None:
    if path.is_symlink():
        raise _is_link(path)
    if not path.is_file():
        raise InputError(f"{path} is missing: {CURE}")
    if sha256_of_file(path) != digest:
        raise InputError(
            f"{path} was changed or is damaged (its SHA-256 differs from the manifest's): {CURE}"
        )


def _is_link(path: Path) -> InputError:
    return InputError(f"{path} is a link, which may lead anywhere: put the file itself there")
