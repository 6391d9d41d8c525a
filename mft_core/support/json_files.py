"""JSON files of models, which others wrote and a broken download may have cut short."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from mft_core.errors import MftError

AGAIN = "Take the file from where the model was published: it may have been cut short on its way."


def read_object(path: Path) -> dict[str, Any]:
    """The JSON object in a file; empty where there is no such file.

    Raises:
        MftError: the file holds something else.
    """
    if not path.is_file():
        return {}
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise MftError(f"{path} is no valid JSON: {error}", AGAIN) from error
    if not isinstance(value, dict):
        raise MftError(f"{path} is no JSON object.", AGAIN)
    return value
