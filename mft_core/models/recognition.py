"""Bases by name, and which family a checkpoint is of."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mft_core.errors import MftError, UsageError
from mft_core.models.base import BaseRequest
from mft_core.models.checkpoints.config import describe_config, remote_code_note
from mft_core.support import run_files
from mft_core.support.paths import cache_folder
from mft_core.support.suggestions import did_you_mean, folders_in, nearest_folder

if TYPE_CHECKING:
    from mft_core.models.adapter import ModelAdapter
    from mft_core.registry.catalog import Catalog, Entry

logger = logging.getLogger(__name__)

FOLDER_BASE, HUB_BASE = "folder", "hub"
"""Bases that a bare path and a bare ORG/NAME stand for."""


class UnknownFamily(MftError):  # noqa: N818 - what was found, not a fault of ours
    """No model family recognises a checkpoint."""


def resolve_base(reference: str, names: Collection[str]) -> tuple[str, str]:
    """Which base component `--base REFERENCE` means, and the reference to hand to it.

    A component's name; "NAME:rest"; an existing folder or file; ORG/NAME on the Hub, unless ORG is a folder of runs
    here; in this order.

    Args:
        reference: as the user typed it.
        names: the base components there are.

    Raises:
        UsageError: it is none of these.
    """
    if reference in names:
        return reference, ""
    name, colon, rest = reference.partition(":")
    if colon and name in names:
        return name, rest
    if reference and Path(reference).expanduser().exists():
        return FOLDER_BASE, reference
    is_hub_name = reference.count("/") == 1 and all(reference.split("/")) and not reference.startswith((".", "~"))
    if is_hub_name and not _beside_runs(reference):
        return HUB_BASE, reference
    near = nearest_folder(Path(reference).expanduser()) if reference else ""
    meant = f"Did you mean {near!r}? " if near else ""
    if is_hub_name:
        hint = f"{meant}For the model of that name on the Hub: {HUB_BASE}:{reference}."
        raise UsageError(f"There is no folder {reference!r}.", hint)
    raise UsageError(
        f"There is no base {reference!r}: no component, no folder and no ORG/NAME.",
        meant + did_you_mean(reference, names),
    )


def _beside_runs(reference: str) -> bool:
    """Whether it would lie in a folder of runs, so that it is a mistyped run and no ORG/NAME."""
    parent = Path(reference).parent
    return str(parent) == run_files.RUNS or any((each / run_files.RECIPE).is_file() for each in folders_in(parent))


def find_base(reference: str, catalog: Catalog) -> tuple[str, str]:
    """`resolve_base` among all base components; raises as it does, and where the opened runs had one that is gone."""
    catalog.require_recorded("base", reference.partition(":")[0])
    return resolve_base(reference, [entry.name for entry in catalog.of_kind("base")])


def fetch_base(reference: str, catalog: Catalog, family: str = "") -> Path:
    """The local folder of the base that `--base REFERENCE` means, fetched where it is not here yet.

    Args:
        family: the full name of the model family that was chosen, from `family_named`; "": none was.

    Raises:
        UsageError: there is no such base.
        MftError: it cannot be had.
    """
    name, rest = find_base(reference, catalog)
    adapter = catalog.build("model", family) if family else None
    return catalog.build("base", name).fetch(rest, BaseRequest(adapter, family, cache_folder("bases")))


def family_named(name: str, catalog: Catalog) -> str:
    """The name under which `model_adapters` has a family, whatever name or alias was given; "" for "".

    Raises:
        UsageError: there is no such family, or there are several.
    """
    return _known_as(catalog.get("model", name), catalog) if name else ""


def _known_as(entry: Entry, catalog: Catalog) -> str:
    names = [other.name for other in catalog.of_kind("model")]
    return entry.name if names.count(entry.name) == 1 else f"{entry.plugin}/{entry.name}"


def model_adapters(catalog: Catalog) -> list[tuple[str, ModelAdapter]]:
    """Every model family that can be used here, with its name ("plugin/name" where two plugins share one).

    A family that cannot be imported is named in the log and left out: another one may well recognise the checkpoint. A
    general one is left out where the family that an opened run had is gone: it would take its place unasked.
    """
    adapters, lost = [], _has_lost_family(catalog)
    for entry in catalog.of_kind("model"):
        try:
            adapter = catalog.build("model", f"{entry.plugin}/{entry.name}")
        except MftError as error:
            logger.warning("%s It is left out.", error.message)
            continue
        if not (lost and adapter.general):
            adapters.append((_known_as(entry, catalog), adapter))
    return adapters


def _has_lost_family(catalog: Catalog) -> bool:
    try:
        catalog.require_recorded("model")
    except MftError:
        return True
    return False


@contextmanager
def of_recorded_family(catalog: Catalog) -> Iterator[None]:
    """What is not recognised inside may be of the family that an opened run had and that is gone: then that is said."""
    try:
        yield
    except UnknownFamily:
        catalog.require_recorded("model")
        raise


def recognize_adapter(adapters: Iterable[tuple[str, ModelAdapter]], config: Mapping[str, Any], wanted: str = "") -> str:
    """The name of the adapter for a checkpoint: a family's; a general one where no family recognises it.

    Args:
        adapters: all there are, with their names.
        config: the checkpoint's, from `read_config`.
        wanted: the name of the one the user chose; "", or a general one's: whichever recognises the checkpoint.

    Raises:
        UsageError: the wanted one does not recognise the checkpoint; the message names the right one. Or several do.
        UnknownFamily: none does.
        MftError: it is a variant that would load wrong.
    """
    pairs = list(adapters)
    general = {name for name, adapter in pairs if adapter.general}
    fitting = [name for name, adapter in pairs if name not in general and adapter.recognizes(config)]
    fitting = fitting or [name for name, adapter in pairs if name in general and adapter.recognizes(config)]
    kind = describe_config(config)
    if not fitting:
        known = ", ".join(name for name, _ in pairs) or "none"
        raise UnknownFamily(
            f"No model adapter recognises this checkpoint ({kind}).{remote_code_note(config)}",
            f"Model families here: {known}. A plugin can add one.",
        )
    if wanted in general and wanted not in fitting:
        wanted = ""
    if wanted and wanted not in fitting:
        raise UsageError(f"--model {wanted} does not fit this checkpoint ({kind}).", f"Use --model {fitting[0]}.")
    if not wanted and len(fitting) > 1:
        raise UsageError(f"Several adapters recognise this checkpoint: {', '.join(fitting)}.", "Choose with --model.")
    chosen = wanted or fitting[0]
    dict(pairs)[chosen].check_supported(config)
    return chosen
