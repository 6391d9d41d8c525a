"""Recipes read: plugins.toml's defaults, then the file, then flags; wrong keys are named with the nearest right one."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from mft_core.errors import UsageError
from mft_core.recipe.component_names import refuse_unknown_components
from mft_core.recipe.paths import Components, located, plain, with_absolute_paths
from mft_core.recipe.schema import Recipe
from mft_core.recipe.tune_options import refuse_unknown_options, with_all_options
from mft_core.recipe.unknown_keys import OTHER_WORDS, TASKS, suggest_key
from mft_core.support.secret_references import refuse_literal_secrets
from mft_core.support.toml_files import read_toml, toml_value


def load_recipe(
    path: Path | None,
    overrides: Sequence[tuple[str, Any]] = (),
    defaults: Mapping[str, Any] | None = None,
    defaults_file: Path | None = None,
    components: Components | None = None,
) -> Recipe:
    """Compose defaults, a recipe file and command-line overrides, in rising precedence.

    Args:
        path: TOML file.
        overrides: (dotted key, value), such as ("train.steps", 20).
        defaults: from plugins.toml.
        defaults_file: where they stand.
        components: to know their names, which options are paths, and the options of what is tuned, which the recipe
            then has all. Paths are relative to the folder of the file they stand in, to the working folder where they
            stand on the command line.

    Raises:
        UsageError: unreadable TOML, a secret in plain, an unknown or ill-typed key, named with its file and the
            nearest right one; with `components`, a name of none of them.
    """
    merged: dict[str, Any] = {}
    here = Path.cwd()
    origins: list[tuple[str, Mapping[str, Any], Path]] = []
    if defaults:
        folder = defaults_file.resolve().parent if defaults_file else here
        origins.append((f"{defaults_file or 'plugins.toml'} [defaults]", defaults, folder))
    if path is not None:
        origins.append((str(path), read_toml(path), path.resolve().parent))
    origins += [("the command line", _nested(key, value), here) for key, value in overrides]
    for origin, values, folder in origins:
        refuse_literal_secrets(values, origin)
        merged = merged_tables(merged, located(values, folder))
        method = _validate(plain(merged), origin).tune.method
        if components is not None:
            refuse_unknown_components(plain(values), origin, components)
            refuse_unknown_options(plain(values), origin, method, components)
    recipe = _validate(with_absolute_paths(merged, components), "the recipe")
    return (
        recipe if components is None else recipe.model_copy(update={"tune": with_all_options(recipe.tune, components)})
    )


def parse_setting(text: str) -> tuple[str, Any]:
    """`--set KEY=VALUE`: the value is TOML where it parses as TOML, else a plain string."""
    key, separator, value = text.partition("=")
    if not separator or not key.strip():
        raise UsageError(f"--set {text}: expected KEY=VALUE", "for example --set train.learning_rate=1e-4")
    return key.strip(), toml_value(value)


def as_tables(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Values by dotted keys as tables, a later one over an earlier: {"alpha.repair": 2} -> {"alpha": {"repair": 2}}."""
    tables: dict[str, Any] = {}
    for key, value in settings.items():
        tables = merged_tables(tables, _nested(key, value))
    return tables


def _nested(key: str, value: Any) -> dict[str, Any]:
    for part in reversed(key.split(".")):
        value = {part: value}
    return value


def merged_tables(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Two tables as one, key by key. A component given by bare name becomes a table when options are set beside it;
    a component given another name loses the options of the old one."""
    merged = dict(base)
    for key, value in over.items():
        old = merged.get(key)
        if isinstance(old, str) and isinstance(value, Mapping):
            old = {"name": old}
        if isinstance(value, str) and isinstance(old, Mapping):
            value = {"name": value}
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            renamed = "name" in old and value.get("name", old["name"]) != old["name"]
            merged[key] = dict(value) if renamed else merged_tables(old, value)
        else:
            merged[key] = value
    return merged


def _validate(values: Mapping[str, Any], origin: str) -> Recipe:
    try:
        return Recipe.model_validate(values)
    except ValidationError as error:
        raise UsageError(*_explain(error, origin, values)) from None


def _explain(error: ValidationError, origin: str, values: Mapping[str, Any]) -> tuple[str, str]:
    """The message and the hint; with several wrong keys every hint begins with its own."""
    lines, hints = [], []
    for problem in error.errors():
        key, task = ".".join(str(part) for part in problem["loc"]), _of_task(problem["loc"], values)
        if problem["type"] == "extra_forbidden":
            lines.append(f"{origin}: unknown key {key!r}{task}")
            hints.append((key, suggest_key(key)))
        elif problem["loc"][-1] == "[key]":  # of a table whose keys are given
            table = ".".join(str(part) for part in problem["loc"][:-2])
            known = problem["msg"].removeprefix("Input should be ")
            lines.append(f"{origin}: {table}{task}: unknown key {problem['input']!r}; there is {known}")
        else:
            lines.append(f"{origin}: {key}{task}: {problem['msg']}, got {problem['input']!r}")
            hints.append((key, _hint_on_value(key, problem["type"], problem["input"])))
    given = [f"{key}: {hint}" if len(lines) > 1 else hint for key, hint in hints if hint]
    return "\n".join(lines), "\n".join(given)


def _of_task(place: Sequence[int | str], values: Mapping[str, Any]) -> str:
    """The task whose entry a key stands in, by its name, or else by its place from 1, in brackets; "" for none."""
    match place:
        case ["data", "tasks", int(number), _, *_]:
            entry = values["data"]["tasks"][number]
            named = isinstance(entry, Mapping) and entry.get("name")
            return f" (task {entry['name']!r})" if named else f" (entry {number + 1} of [[{TASKS}]])"
    return ""


def _hint_on_value(key: str, problem: str, value: Any) -> str:
    """How a list or a table is written, where something else was given for one; "" for other problems."""
    if problem == "list_type" and key == TASKS:
        example = '{name = "sql", weight = 2.0}'
        return f"options of a task stand beside its name: [[{TASKS}]] in the recipe, or --set '{TASKS}=[{example}]'"
    if problem == "list_type":
        example = json.dumps([value], ensure_ascii=False)
        return f"a list is written in brackets: {key} = {example}, or --set '{key}={example}'"
    if problem in ("model_type", "model_attributes_type", "dict_type"):
        meant = OTHER_WORDS.get(key)
        return f"[{key}] is a table" + (f"; did you mean {meant!r}?" if meant else "")
    return ""
