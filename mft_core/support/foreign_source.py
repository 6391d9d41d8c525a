"""Python source that others wrote, read without Python's warnings about it."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

_FILTERS = threading.Lock()


@contextmanager
def no_warnings() -> Iterator[None]:
    """In this block, Python warns of nothing; one thread is in such a block at a time.

    The filters of warnings are those of the process: threads that change them at once would leave them changed.
    """
    with _FILTERS, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
