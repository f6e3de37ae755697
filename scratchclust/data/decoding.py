"""Pictures decoded by threads, in order; what cannot be decoded gives a reason in its place."""

import os
import pickle
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import NamedTuple

from scratchclust.data.dataset import Request, one_line
from scratchclust.data.pictures import Picture, cure_of, decode
from scratchclust.data.signatures import JPEG, PNG, kind_of, start_of
from scratchclust.errors import InputError

N_THREADS = min(8, os.cpu_count() or 1)  # Pillow decodes without holding Python's lock
AHEAD = 16  # pictures a thread may be ahead of whoever takes them, who may stop at any
BYTES_AHEAD = 1 << 28  # and so many bytes of pixels all threads together
FIRST_ROUND = 8  # pictures of a process until it is known how large they are, and at most
LARGEST_ROUND = 256


class Exchange(NamedTuple):
    """Several processes that decode one folder, a share of its files each."""

    index: int  # of this process
    count: int
    of_all: Callable[[bytes], list[bytes]]  # what each gives, to all


_exchange: ContextVar[Exchange | None] = ContextVar("exchange", default=None)


@contextmanager
def shared_by(exchange: Exchange) -> Iterator[None]:
    """Inside, `decode_all` decodes this process's share of the files, and gives those of all."""
    token = _exchange.set(exchange)
    try:
        yield
    finally:
        _exchange.reset(token)


def decode_all(
    folder: Path, files: Sequence[str], request: Request
) -> Generator[tuple[str, Picture | str]]:
    """For each file its pixels, or the reason why there are none."""
    exchange = _exchange.get()
    if exchange is None:
        return _decode_own(folder, files, request)
    return _decode_shared(folder, files, request, exchange)


def _decode_shared(
    folder: Path, files: Sequence[str], request: Request, exchange: Exchange
) -> Generator[tuple[str, Picture | str]]:
    """`decode_all` by several processes: in rounds, in each of which every process decodes as many
    files as the others, and sends them to all.

    Raises:
        InputError: another process sees other files.
    """
    begin = 0
    of_each = FIRST_ROUND
    while begin < len(files):
        in_round = files[begin : begin + of_each * exchange.count]
        own = list(_decode_own(folder, in_round[exchange.index :: exchange.count], request))
        sent = [pickle.loads(part) for part in exchange.of_all(pickle.dumps((len(files), own)))]
        n_bytes = 1
        for i, path in enumerate(in_round):
            n_files, results = sent[i % exchange.count]
            if n_files != len(files) or results[i // exchange.count][0] != path:
                raise InputError(
                    f"process {i % exchange.count} sees other files in {folder} than process "
                    f"{exchange.index}: give all processes the same folder"
                )
            found = results[i // exchange.count][1]
            n_bytes += found.pixels.nbytes if isinstance(found, Picture) else 0
            yield path, found
        begin += len(in_round)
        fitting = BYTES_AHEAD * len(in_round) // (n_bytes * exchange.count)
        of_each = min(max(fitting, 1), LARGEST_ROUND)


def _decode_own(
    folder: Path, files: Sequence[str], request: Request
) -> Generator[tuple[str, Picture | str]]:
    """`decode_all` by this process alone."""

    def attempt(path: str) -> Picture | str:
        if not is_utf8(path):
            return "its name is not UTF-8, so that no report could name it: rename it"
        try:
            return decode(folder / path, request.size, request.fit)
        # Pillow's decoders raise nearly anything on a damaged file (OSError, SyntaxError,
        # struct.error, MemoryError, ...).
        except Exception as error:
            return why_unreadable(error, folder / path)

    pool = ThreadPoolExecutor(N_THREADS)
    waiting: deque[tuple[str, Future[Picture | str]]] = deque()
    n_ahead = N_THREADS  # until it is known how large they are
    try:
        for path in files:
            waiting.append((path, pool.submit(attempt, path)))
            while len(waiting) > n_ahead:
                path, future = waiting.popleft()
                found = future.result()
                if isinstance(found, Picture):
                    fitting = BYTES_AHEAD // max(1, found.pixels.nbytes)
                    n_ahead = min(AHEAD * N_THREADS, max(N_THREADS, fitting))
                yield path, found
        for path, future in waiting:
            yield path, future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def is_utf8(path: str) -> bool:
    """Whether a file's name is text: Python holds bytes that are none as lone surrogates."""
    return path.isascii() or not any("\udc80" <= letter <= "\udcff" for letter in path)


def why_unreadable(error: BaseException, path: Path) -> str:
    """The reason, on one line, why decoding a file ended with an error."""
    if isinstance(error, FileNotFoundError):
        return "it was there when the folder was listed, and is gone"
    if isinstance(error, PermissionError):
        return "no permission to read it: change its rights"
    if isinstance(error, MemoryError):
        return "not enough memory to decode it: save it smaller"
    # Pillow's own message repeats the path.
    if type(error).__name__ == "UnidentifiedImageError":
        try:
            start = start_of(path)
        except OSError as second:  # it changes while it is looked at
            return why_unreadable(second, path)
        if not start:
            return "an empty file"
        kind = kind_of(start)
        if kind in (PNG, JPEG):
            return f"damaged: it begins as {kind}, and does not go on so"
        told = f": it is {kind}" if kind else ""
        cure = cure_of(kind)
        return f"not a format that Pillow reads{told}{cure and f'; {cure}'}"
    if isinstance(error, OSError) and error.strerror is not None:  # without the path that it has
        return error.strerror
    return one_line(error)
