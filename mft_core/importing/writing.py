"""A converted configuration as the text of a recipe, with comments on what was not carried over."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomli_w
from pydantic import ValidationError

from mft_core.errors import UsageError
from mft_core.importing.config_files import read_config
from mft_core.importing.importer import Conversion, Importer
from mft_core.recipe.schema import Recipe
from mft_core.recipe.tune_options import KIND, SECTION, own_options
from mft_core.registry.catalog import Catalog

LONGEST_VALUE = 80
TRAINING = ("epochs", "learning_rate", "max_steps", "train_batch_size", "gradient_accumulation")
"""One of these is in some key of every configuration of a training run."""


def imported_recipe(path: Path, catalog: Catalog, name: str = "") -> str:
    """The text of the recipe that another tool's configuration becomes.

    Args:
        path: of the configuration.
        catalog: has the importers.
        name: of the importer; "": the one that knows the most of its keys.

    Raises:
        UsageError: it cannot be read, is of no known tool, or configures no supervised fine-tuning.
    """
    config = read_config(path)
    importer = _importer(config, path, catalog, name)
    conversion = Conversion(config, path.parent)
    try:
        importer.convert(conversion)
    except (ValueError, TypeError, AttributeError, KeyError) as error:
        what = f"{conversion.latest} = {_shown(config.get(conversion.latest))}"
        raise UsageError(f"{path}: {what} cannot be carried over: {error}", "Mend the value there.") from error
    conversion.finish()
    _refuse_without_training(conversion, config, path)
    _check(conversion.values, path, catalog)
    return _text(conversion, path, importer.tool)


def _importer(config: Mapping[str, Any], path: Path, catalog: Catalog, name: str) -> Importer:
    if name:
        chosen: Importer = catalog.build("importer", name)
        return chosen
    importers = [catalog.build("importer", f"{entry.plugin}/{entry.name}") for entry in catalog.of_kind("importer")]
    best: Importer | None = max(importers, key=lambda importer: importer.recognises(config), default=None)
    if best is None or not best.recognises(config):
        known = ", ".join(importer.tool for importer in importers)
        names = [entry.name for entry in catalog.of_kind("importer")]
        raise UsageError(
            f"{path} is no configuration of a known tool: {known}.", f"Say which: --importer {' | '.join(names)}"
        )
    return best


def _refuse_without_training(conversion: Conversion, config: Mapping[str, Any], path: Path) -> None:
    """Of what names no data, there must be something that says how to train."""
    if conversion.values.get("data", {}).get("tasks"):
        return
    if not any(word in key for key in config for word in TRAINING):
        raise UsageError(f"{path} configures no training run.", "Take the configuration that names data and a base.")
    conversion.remark("It names no data that can be used: give it with --data or --task, or as [[data.tasks]].")


def _check(values: Mapping[str, Any], path: Path, catalog: Catalog) -> None:
    try:
        tune = Recipe.model_validate(values).tune
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        what = f"{key} = {first['input']!r}: {first['msg']}"
        raise UsageError(f"{path} gives {what}.", "Mend the value there.") from error
    try:
        catalog.build(KIND, tune.method, own_options(tune, catalog), f"[{SECTION}]")
    except UsageError as error:
        raise UsageError(f"{path}: {error.message}", "Mend the value there.") from error


def _text(conversion: Conversion, path: Path, tool: str) -> str:
    parts = [f"# Made of {path.name} ({tool}). `mft check` says what it would do.\n"]
    parts += [f"# {remark}\n" for remark in conversion.remarks]
    parts.append("\n" + tomli_w.dumps(conversion.values, multiline_strings=False))
    if conversion.left_out:
        parts.append("\n# Not carried over:\n")
        parts += [f"#   {key}: {_shown(value)}\n#     {reason}\n" for key, value, reason in conversion.left_out]
    if conversion.empty:
        parts.append(f"\n# Without a value there: {', '.join(conversion.empty)}\n")
    return "".join(parts)


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= LONGEST_VALUE else f"{text[:LONGEST_VALUE]}..."
