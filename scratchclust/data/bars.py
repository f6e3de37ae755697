"""A progress bar on standard error for reading that takes long."""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")

PATIENCE = 1.0  # seconds; what is done sooner shows no bar
PERIOD = 0.2  # seconds between two lines


def track(
    items: Iterable[T],
    total: int,
    description: str,
    *,
    verbose: bool,
    tell: Callable[[str], None] | None = None,
) -> Iterator[T]:
    """Yield the items; if verbose and it takes longer than `PATIENCE`, show how far it has come.

    Args:
        items: what to go through.
        total: how many there are.
        description: what is being done, in a few words.
        verbose: False yields the items and shows nothing.
        tell: is told a line with the number of items that are done, a few times a second; then
            nothing is shown.
    """
    if tell is not None:
        yield from _tell(items, total, description, tell)
        return
    if not verbose:
        yield from items
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    progress = Progress(*columns, console=Console(stderr=True), transient=True)
    task = progress.add_task(description, total=total)
    start = time.monotonic()
    try:
        for item in items:
            yield item
            progress.advance(task)
            if not progress.live.is_started and time.monotonic() - start > PATIENCE:
                progress.start()
    finally:
        progress.stop()


def _tell(
    items: Iterable[T], total: int, description: str, tell: Callable[[str], None]
) -> Iterator[T]:
    last = time.monotonic()
    for done, item in enumerate(items, 1):
        yield item
        if time.monotonic() - last > PERIOD:
            last = time.monotonic()
            tell(f"{description}: {min(done, total):,} of {total:,}")
