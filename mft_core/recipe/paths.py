"""Paths in recipes: relative to the folder of the file that they stand in, "~" expanded, absolute from then on."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Protocol

from mft_core.recipe.addresses import ADDRESS
from mft_core.recipe.choices import AUTO, LOSS, OPTIMIZER, PACKER
from mft_core.recipe.component_names import Names
from mft_core.recipe.schema import TuneSection
from mft_core.recipe.tune_options import DeclaredOptions


class Components(Names, DeclaredOptions, Protocol):
    """What has to be known of components to find the paths among their options; `Catalog` is it."""

    def path_options(self, kind: str, name: str) -> Collection[str]:
        """The options of a component that are paths; none where it is unknown or cannot be loaded."""

    def offers(self, kind: str, name: str) -> bool:
        """Whether there is such a component."""


class Located(str):
    """A text of a recipe, and the folder that it is relative to if it is a path."""

    __slots__ = ("folder",)
    folder: Path

    def absolute(self) -> str:
        """As a path; "" stays, and so does what looks like an address, unless there is such a file."""
        path = self.folder / Path(self).expanduser()
        return str(path) if self and (path.exists() or not ADDRESS.fullmatch(self)) else str(self)


def located(value: Any, folder: Path) -> Any:
    """The values of a recipe with every text `Located` in `folder`."""
    if isinstance(value, str):
        text = Located(value)
        text.folder = folder
        return text
    return _each(value, lambda inner: located(inner, folder))


def plain(value: Any) -> Any:
    """The same values with texts as they were written."""
    return str(value) if isinstance(value, str) else _each(value, plain)


def with_absolute_paths(values: Mapping[str, Any], components: Components | None) -> dict[str, Any]:
    """`Located` values with every path absolute, all texts plain.

    The files of [[data.tasks]] are relative to `data.path`, if that is given in the same place.

    Args:
        values: of a recipe.
        components: to know which of their options are paths; None: all of those are absolute, as in a run's recipe.
    """
    sections = {name: dict(section) if isinstance(section, Mapping) else section for name, section in values.items()}
    data = sections.get("data")
    if isinstance(data, dict) and isinstance(data.get("tasks"), list):
        data["tasks"] = [with_absolute(task, ("train", "valid"), data.get("path")) for task in data["tasks"]]
    sections |= {name: with_absolute(sections[name], keys) for name, keys in KEYS.items() if name in sections}
    if components is not None:
        _place_options(sections, components)
        _place_tuner_options(sections, components)
    result: dict[str, Any] = plain(sections)
    return result


KEYS = {"data": ("path", "prepared", "exclude"), "model": ("adapter_path",), "output": ("dir",)}
"""Section -> its keys that are paths."""


def _place_tuner_options(sections: dict[str, Any], components: Components) -> None:
    if isinstance(tune := sections.get("tune"), Mapping):
        method = str(tune.get("method", TuneSection().method))
        sections["tune"] = with_absolute(tune, components.path_options("tuner", method))


def _place_options(sections: dict[str, Any], components: Components) -> None:
    """Make what components take as paths absolute, and a base that is a file or folder."""

    def placed(kind: str, choice: Any, default: str = "") -> Any:
        if not isinstance(choice, Mapping) or not any(isinstance(value, (str, list)) for value in choice.values()):
            return choice
        return with_absolute(choice, components.path_options(kind, str(choice.get("name", default))))

    for section, key, kind, default in (
        ("data", "packer", "packer", PACKER),
        ("data", "source", "source", AUTO),
        ("data", "tokenization", "tokenization", AUTO),
        ("train", "optimizer", "optimizer", OPTIMIZER),
    ):
        if isinstance(sections.get(section), dict) and key in sections[section]:
            sections[section][key] = placed(kind, sections[section][key], default)
    data = sections.get("data")
    if isinstance(data, dict) and isinstance(data.get("tasks"), list):
        data["tasks"] = [
            {**task, "tokenization": placed("tokenization", task["tokenization"], AUTO)}
            if isinstance(task, Mapping) and "tokenization" in task
            else task
            for task in data["tasks"]
        ]
    if "loss" in sections:
        sections["loss"] = placed("loss", sections["loss"], LOSS)
    if isinstance(sections.get("eval"), list):
        sections["eval"] = [placed("evaluator", choice) for choice in sections["eval"]]
    train, model = sections.get("train"), sections.get("model")
    if isinstance(train, dict) and isinstance(train.get("callbacks"), list):
        train["callbacks"] = [placed("callback", choice) for choice in train["callbacks"]]
    if isinstance(model, dict) and isinstance(model.get("base"), Located) and _is_file(model["base"], components):
        model["base"] = model["base"].absolute()


def _is_file(base: Located, components: Components) -> bool:
    return bool(base) and not components.offers("base", base.partition(":")[0]) and Path(base.absolute()).exists()


def with_absolute(table: Any, keys: Collection[str], root: Any = None) -> Any:
    """A table with the paths under `keys` absolute; below `root`, where that is of the same place."""
    if not isinstance(table, Mapping):
        return table
    return {key: _absolute_value(value, root) if key in keys else value for key, value in table.items()}


def _absolute_value(value: Any, root: Any) -> Any:
    if isinstance(value, Located):
        below = isinstance(root, Located) and bool(root) and root.folder == value.folder
        return located(value, Path(root.absolute())).absolute() if below else value.absolute()
    return _each(value, lambda inner: _absolute_value(inner, root))


def _each(value: Any, change: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: change(inner) for key, inner in value.items()}
    return [change(inner) for inner in value] if isinstance(value, list) else value
