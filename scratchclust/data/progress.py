"""A progress bar on standard error for reading that takes long."""

import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")

PATIENCE = 1.0  # seconds; what is done sooner shows no bar


def track(items: Iterable[T], total: int, description: str, *, verbose: bool) -> Iterator[T]:
    """Yield the items; if verbose and it takes longer than `PATIENCE`, show how far it has come.

    Args:
        items: what to go through.
        total: how many there are.
        description: what is being done, in a few words.
        verbose: False yields the items and shows nothing.
    """
    if not verbose:
        yield from items
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
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
