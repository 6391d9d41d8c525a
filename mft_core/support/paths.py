"""Where mft keeps what it makes and downloads."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder(*parts: str) -> Path:
    """$MFT_CACHE, else $XDG_CACHE_HOME/mft, else ~/.cache/mft; with `parts` below it, made if missing."""
    root = os.environ.get("MFT_CACHE") or Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "mft"
    folder = Path(root).expanduser().joinpath(*parts)
    folder.mkdir(parents=True, exist_ok=True)
    return folder
