"""A recipe of `mft data make` read: its file, then the flags over it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from mft_core.making.recipe import EXERCISES, MakeRecipe
from mft_core.recipe.loading import as_tables, merged_tables
from mft_core.recipe.paths import located, plain, with_absolute
from mft_core.registry.catalog import Catalog
from mft_core.registry.options import options_error, path_options
from mft_core.support.secret_references import refuse_literal_secrets
from mft_core.support.toml_files import read_toml

COMMAND_LINE = "the command line"


def load_make_recipe(path: Path | None, overrides: Sequence[tuple[str, Any]], catalog: Catalog) -> MakeRecipe:
    """What is to be made.

    Args:
        path: TOML; paths in it are relative to its folder. None: there is none.
        overrides: (dotted key, value) from the command line, over the file; paths are relative to the working folder.
        catalog: knows the makers, and which of their options are paths.

    Raises:
        UsageError: no TOML, a secret in plain, a key that there is not, a value that is not allowed, no such maker.
    """
    values: dict[str, Any] = {}
    origins = [(str(path), read_toml(path), path.resolve().parent)] if path is not None else []
    origins += [(COMMAND_LINE, as_tables({key: value}), Path.cwd()) for key, value in overrides]
    for origin, given, folder in origins:
        refuse_literal_secrets(given, origin)
        _validated(given, origin)
        values = _merged(values, located(given, folder))
    recipe = _validated(_with_absolute_paths(values, catalog), "the recipe")
    catalog.get("maker", recipe.method.name)
    return recipe


def _merged(values: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """As `merged_tables`; but another model.name is no other component, whose options would be lost: a budget stays."""
    merged = merged_tables(values, over)
    old, new = values.get("model"), over.get("model")
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        merged["model"] = {**old, **new}
    return merged


def _with_absolute_paths(values: Mapping[str, Any], catalog: Catalog) -> dict[str, Any]:
    """The values with the paths of the recipe and of its method absolute."""
    method = values.get("method")
    placed = with_absolute(values, path_options(MakeRecipe))
    if isinstance(method, Mapping):
        placed["method"] = with_absolute(method, catalog.path_options("maker", str(method.get("name", EXERCISES))))
    result: dict[str, Any] = plain(placed)
    return result


def _validated(values: Mapping[str, Any], origin: str) -> MakeRecipe:
    try:
        return MakeRecipe.model_validate(plain(values))
    except ValidationError as error:
        raise options_error(error, "a recipe of mft data make", f"{origin}:", _keys_near(error)) from None


def _keys_near(error: ValidationError) -> list[str]:
    """Those of the tables in which something is wrong; all where it is in none."""
    tables = {f"{details['loc'][0]}." for details in error.errors() if len(details["loc"]) > 1}
    every = list(_keys(MakeRecipe))
    return [key for key in every if key.startswith(tuple(tables))] or every


def _keys(section: type[BaseModel], prefix: str = "") -> Iterator[str]:
    """Every key, dotted."""
    for name, field in section.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel) and name != "method":
            yield from _keys(inner, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}"
