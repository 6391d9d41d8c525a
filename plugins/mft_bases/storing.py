"""Making a folder in the cache once: whole or not at all, also with several processes at it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from safetensors import SafetensorError

from mft_core.errors import MftError
from mft_core.support.durable import whole_folder


def stored(folder: Path, make: Callable[[Path], None]) -> Path:
    """`folder`; where it is missing, `make` fills a new one. Of several processes that do, the first one's stays.

    Raises:
        MftError: it cannot be written.
    """
    if not folder.is_dir():
        try:
            with whole_folder(folder, keep_existing=Path.is_dir) as temporary:
                make(temporary)
        except (OSError, SafetensorError) as error:
            hint = "Check the space and the rights there; MFT_CACHE names another folder."
            raise MftError(f"{folder} could not be stored: {error}", hint) from error
    return folder
