"""Names of components that the user gives, looked up before anything slow is imported for those that are right."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mft_core.errors import UsageError

if TYPE_CHECKING:
    from mft_core.registry.catalog import Catalog


def check_target(target: str, family: str, catalog: Catalog, base: str = "") -> None:
    """Look up what `mft generate`, `chat` and `eval` take: a run folder or a base, a family or "", `--base` or "".

    Raises:
        UsageError: as above; or `target` is neither a folder nor a base.
    """
    from mft_core.models.recognition import find_base

    if family:
        catalog.get("model", family)
    if base:
        find_base(base, catalog)
    if Path(target).expanduser().is_dir():
        return
    try:
        find_base(target, catalog)
    except UsageError as error:
        raise UsageError(f"{target!r} is neither a run folder nor a base.", error.hint) from error
