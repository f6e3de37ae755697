"""What members of an archive may be called: no name may leave the archive's folder."""

from pathlib import Path, PurePosixPath, PureWindowsPath

from scratchclust.errors import InputError


def check_member_name(name: str, archive: Path) -> None:
    """Refuse an archive that holds an absolute path or `..`, though it is only read in memory.

    Such a name comes from an attack or from a broken tool; neither archive deserves trust.

    Raises:
        InputError: the name is absolute (in POSIX or Windows) or climbs with `..`.
    """
    posix = PurePosixPath(name)
    windows = PureWindowsPath(name)
    if posix.is_absolute() or windows.drive or windows.root or ".." in windows.parts:
        raise InputError(
            f"{archive} holds the unsafe path {name!r}: do not use this archive; fetch the "
            "original one"
        )
