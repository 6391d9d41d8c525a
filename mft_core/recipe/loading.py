"""Recipes read: plugins.toml's defaults, then the file, then flags; wrong keys are named with the nearest right one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from mft_core.errors import UsageError
from mft_core.recipe.paths import Components, located, plain, with_absolute_paths
from mft_core.recipe.schema import Recipe, Section, TaskSection
from mft_core.support.secret_references import refuse_literal_secrets
from mft_core.support.suggestions import nearest
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
        components: to know which options are paths. Paths are relative to the folder of the file they stand in, to
            the working folder where they stand on the command line.

    Raises:
        UsageError: unreadable TOML, a secret in plain, an unknown or ill-typed key, named with its file and the
            nearest right one.
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
        merged = _merge(merged, located(values, folder))
        _validate(plain(merged), origin)
    return _validate(with_absolute_paths(merged, components), "the recipe")


def parse_setting(text: str) -> tuple[str, Any]:
    """`--set KEY=VALUE`: the value is TOML where it parses as TOML, else a plain string."""
    key, separator, value = text.partition("=")
    if not separator or not key.strip():
        raise UsageError(f"--set {text}: expected KEY=VALUE", "for example --set train.learning_rate=1e-4")
    return key.strip(), toml_value(value)


def _nested(key: str, value: Any) -> dict[str, Any]:
    for part in reversed(key.split(".")):
        value = {part: value}
    return value


def _merge(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """Tables merge key by key. A component given by bare name becomes a table when options are set beside it;
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
            merged[key] = dict(value) if renamed else _merge(old, value)
        else:
            merged[key] = value
    return merged


def _validate(values: Mapping[str, Any], origin: str) -> Recipe:
    try:
        return Recipe.model_validate(values)
    except ValidationError as error:
        raise UsageError(*_explain(error, origin)) from None


def _explain(error: ValidationError, origin: str) -> tuple[str, str]:
    lines, hints = [], []
    for problem in error.errors():
        key = ".".join(str(part) for part in problem["loc"])
        if problem["type"] == "extra_forbidden":
            lines.append(f"{origin}: unknown key {key!r}")
            hints.append(suggest_key(key))
        else:
            lines.append(f"{origin}: {key}: {problem['msg']}, got {problem['input']!r}")
    return "\n".join(lines), "\n".join(hint for hint in hints if hint)


def suggest_key(key: str) -> str:
    """The nearest right key, as a sentence; a key of the same name in another section is nearer than any other."""
    plain = ".".join(part for part in key.split(".") if not part.isdigit())
    known = recipe_keys()
    same = [name for name in known if name.rpartition(".")[2] == plain.rpartition(".")[2]]
    best = same[0] if same else nearest(plain, known)
    return f"did you mean {best!r}?" if best else "`mft init` lists every key"


def recipe_keys() -> list[str]:
    """Every key of a recipe, dotted, in order."""
    keys: list[str] = []
    for name, section in Recipe.model_fields.items():
        keys.append(name)
        if isinstance(section.annotation, type) and issubclass(section.annotation, Section):
            keys += [f"{name}.{key}" for key in section.annotation.model_fields]
    keys += [f"data.tasks.{key}" for key in TaskSection.model_fields]
    return keys
