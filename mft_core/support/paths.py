"""Where mft keeps what it makes and downloads."""

from __future__ import annotations

import os
from pathlib import Path

from mft_core.errors import MftError


def cache_folder(*parts: str) -> Path:
    """$MFT_CACHE, else $XDG_CACHE_HOME/mft, else ~/.cache/mft; with `parts` below it, made if missing.

    Raises:
        MftError: it is not there and cannot be made.
    """
    try:
        root = os.environ.get("MFT_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mft"
        folder = Path(root).expanduser().joinpath(*parts)
    except RuntimeError as error:
        raise MftError(
            "there is no home folder for the cache", "set MFT_CACHE to a folder that can be written"
        ) from error
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MftError(
            f"the cache {folder} cannot be made: {error.strerror}", "set MFT_CACHE to a folder that can be written"
        ) from error
    return folder
