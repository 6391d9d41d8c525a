"""The author that a recipe names, opened: a model behind an endpoint, or one on this machine."""

from __future__ import annotations

from pathlib import Path

from mft_core.endpoint.client import Endpoint
from mft_core.endpoint.spending import Allowance
from mft_core.errors import UsageError
from mft_core.making.authoring import AskedModel, ModelAuthor
from mft_core.making.recipe import FiltersSection, WriterSection
from mft_core.registry.catalog import Catalog
from mft_core.support import run_files


def check_author(section: WriterSection) -> None:
    """Whether a recipe names one model.

    Raises:
        UsageError: it names none, or two.
    """
    if section.endpoint and section.base:
        raise UsageError("model.endpoint and model.base: which of the two writes?", "Give one of them.")
    if not section.endpoint and not section.base:
        raise UsageError(
            "model: who writes the data?",
            "--endpoint URL --model NAME for a model behind an endpoint, or --base for one on this machine.",
        )
    if section.endpoint and not section.name:
        raise UsageError("model.name: which model behind the endpoint?", "Name one exact version.")


def open_author(
    section: WriterSection, filters: FiltersSection, folder: Path, catalog: Catalog, *, ask_again: bool = False
) -> ModelAuthor:
    """The author that a recipe names, with its journal in a folder; `ask_again` as of `ModelAuthor`.

    Raises:
        UsageError: the recipe names no model, or two; or what it names cannot be one.
        MftError: the model cannot be loaded, or the journal cannot be read.
    """
    check_author(section)
    budget = Allowance(section.budget_tokens, section.budget_requests)
    if section.base:
        return ModelAuthor(_open_local(section, budget, folder, catalog), filters, ask_again=ask_again)
    settings = section.settings(
        section.endpoint,
        section.name,
        parameters={"temperature": section.temperature, "max_tokens": section.max_tokens},
        concurrency=section.concurrency,
        budget=budget,
        prices=section.prices,
    )
    return ModelAuthor(Endpoint(settings, folder / run_files.REQUESTS), filters, ask_again=ask_again)


def _open_local(section: WriterSection, budget: Allowance, folder: Path, catalog: Catalog) -> AskedModel:
    from mft_core.making.local_model import LocalSettings, open_local_model  # imports what loads models

    settings = LocalSettings(
        base=section.base,
        temperature=section.temperature,
        max_tokens=section.max_tokens,
        batch_size=section.concurrency,
        budget=budget,
        prices=section.prices,
    )
    return open_local_model(settings, folder / run_files.REQUESTS, catalog)
