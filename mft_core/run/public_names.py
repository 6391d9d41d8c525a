"""What others know a base by."""

from __future__ import annotations

import re
from pathlib import Path

HUB_NAME = re.compile(r"[\w-][\w.-]*/[\w-][\w.-]*(@[\w.-]+)?")


def public_name(reference: str) -> tuple[str, bool]:
    """What a base is called where its place on this machine says nothing, and whether that is a name on the Hub.

    A folder or file is called by its last part; a component, or a name on the Hub, as it is.
    """
    if HUB_NAME.fullmatch(reference) and not Path(reference).exists():
        return reference, True
    path = reference.partition(":")[2] or reference
    is_place = Path(path).expanduser().exists() or path.startswith(("/", "~", "."))
    return (Path(path).expanduser().resolve().name or path, False) if is_place else (reference, False)
