"""Making a folder in the cache once: whole or not at all, also with several processes at it."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path


def stored(folder: Path, make: Callable[[Path], None]) -> Path:
    """`folder`; where it is missing, `make` fills a new folder beside it, which then takes its name in one step.

    Of several processes that make the same folder the first one wins, and the others use its result.
    """
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f"{folder.name}.", suffix=".tmp", dir=folder.parent))
    try:
        make(temporary)
        temporary.chmod(0o755)
        try:
            temporary.rename(folder)
        except OSError:
            if not folder.is_dir():
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return folder
