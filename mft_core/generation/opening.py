"""A run folder or a base, opened to answer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mft_core.errors import UsageError
from mft_core.generation.assistant import Assistant
from mft_core.models.recognition import family_named, fetch_base, find_base, model_adapters, of_recorded_family
from mft_core.recipe.loading import load_recipe
from mft_core.recipe.schema import DataSection
from mft_core.support import run_files
from mft_core.support.ranks import process_state
from mft_core.tuning.finished import load_run

if TYPE_CHECKING:
    from mft_core.registry.catalog import Catalog


def open_assistant(target: str, catalog: Catalog, wanted: str = "", base: str = "") -> Assistant:
    """The model that a run folder or a base reference names, ready to answer, on the GPU if there is one.

    Args:
        target: a run folder, or what `--base` takes.
        catalog: for model families, bases and tokenizations.
        wanted: the model family the user chose; "": recognised.
        base: reference of the base of an adapter, if that is no longer where it was in training; "": it is.

    Raises:
        UsageError: `target` is neither, or there is no such base.
        MftError: the model cannot be had or loaded.
    """
    return open_folder(target_folder(target, catalog, wanted), catalog, wanted, given_base(base, catalog, wanted))


def given_base(reference: str, catalog: Catalog, wanted: str = "") -> Path | None:
    """The folder of the base that `--base REFERENCE` names for an adapter; None for "".

    Raises:
        UsageError: there is no such base.
        MftError: it cannot be had.
    """
    return fetch_base(reference, catalog, family_named(wanted, catalog)) if reference else None


def target_folder(target: str, catalog: Catalog, wanted: str = "") -> Path:
    """The run's folder, or that of a base, fetched where it is not here yet.

    Raises:
        UsageError: `target` is neither.
        MftError: the base cannot be had.
    """
    folder = Path(target).expanduser()
    if (folder / run_files.RECIPE).is_file() or (folder.is_dir() and catalog.find("base", target) is None):
        return folder
    try:
        find_base(target, catalog)
    except UsageError as error:
        raise UsageError(f"{target!r} is neither a run folder nor a base.", error.hint) from error
    return fetch_base(target, catalog, family_named(wanted, catalog))


def open_folder(folder: Path, catalog: Catalog, wanted: str = "", base: Path | None = None) -> Assistant:
    """The model in a run's or a base's folder, with the tokenization it was trained with.

    Args:
        base: where the base of an adapter lies, if no longer where it was in training.

    Raises:
        MftError: it cannot be loaded.
    """
    import torch

    recipe = folder / run_files.RECIPE
    data = load_recipe(recipe).data if recipe.is_file() else DataSection()
    tokenization = catalog.build("tokenization", data.tokenization.name, data.tokenization.options)
    with of_recorded_family(catalog):
        family = family_named(wanted, catalog)
        model, tokenizer = load_run(folder, model_adapters(catalog), base=base, wanted=family, catalog=catalog)
    if torch.cuda.is_available():
        model = model.to(process_state().device)
    return Assistant(model, tokenizer, tokenization, data.system)
