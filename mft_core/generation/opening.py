"""A run folder or a base, opened to answer."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mft_core.errors import UsageError
from mft_core.generation.assistant import Assistant
from mft_core.models.base import BaseRequest
from mft_core.models.recognition import model_adapters, resolve_base
from mft_core.recipe.loading import RECIPE_FILE, load_recipe
from mft_core.recipe.schema import Choice
from mft_core.support.paths import cache_folder
from mft_core.support.ranks import process_state
from mft_core.tuning.finished import load_run

if TYPE_CHECKING:
    from mft_core.registry.catalog import Catalog


def open_assistant(target: str, catalog: Catalog, wanted: str = "") -> Assistant:
    """The model that a run folder or a base reference names, ready to answer, on the GPU if there is one.

    Args:
        target: a run folder, or what `--base` takes.
        catalog: for model families, bases and tokenizations.
        wanted: the model family the user chose; "": recognised.

    Raises:
        UsageError: `target` is neither.
        MftError: the model cannot be had or loaded.
    """
    return open_folder(target_folder(target, catalog, wanted), catalog, wanted)


def target_folder(target: str, catalog: Catalog, wanted: str = "") -> Path:
    """The run's folder, or that of a base, fetched where it is not here yet.

    Raises:
        UsageError: `target` is neither.
        MftError: the base cannot be had.
    """
    folder = Path(target).expanduser()
    if (folder / RECIPE_FILE).is_file() or (folder.is_dir() and target not in _base_names(catalog)):
        return folder
    return _fetch(target, catalog, catalog.get("model", wanted).name if wanted else "")


def open_folder(folder: Path, catalog: Catalog, wanted: str = "") -> Assistant:
    """The model in a run's or a base's folder, with the tokenization it was trained with.

    Raises:
        MftError: it cannot be loaded.
    """
    import torch

    recipe = folder / RECIPE_FILE
    choice = load_recipe(recipe).data.tokenization if recipe.is_file() else Choice(name="auto")
    family = catalog.get("model", wanted).name if wanted else ""
    model, tokenizer = load_run(folder, model_adapters(catalog), wanted=family)
    if torch.cuda.is_available():
        model = model.to(process_state().device)
    return Assistant(model, tokenizer, catalog.build("tokenization", choice.name, choice.options))


def _base_names(catalog: Catalog) -> list[str]:
    return [entry.name for entry in catalog.of_kind("base")]


def _fetch(target: str, catalog: Catalog, wanted: str) -> Path:
    try:
        name, reference = resolve_base(target, _base_names(catalog))
    except UsageError as error:
        raise UsageError(f"{target!r} is neither a run folder nor a base.", error.hint) from error
    adapter = catalog.build("model", wanted) if wanted else None
    return catalog.build("base", name).fetch(reference, BaseRequest(adapter, wanted, cache_folder("bases")))
