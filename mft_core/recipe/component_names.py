"""The components that one file, or the command line, names: whether there are such, said with the place."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

from mft_core.errors import UsageError
from mft_core.recipe.choices import REPORT

CHOICES = {"packer": "packer", "source": "source", "tokenization": "tokenization"}
"""Key of [data] -> kind of component."""


class Names(Protocol):
    """What has to be known of components; `Catalog` is it."""

    def get(self, kind: str, name: str) -> Any:
        """The component of a name; a `UsageError` where there is none."""


def refuse_unknown_components(values: Mapping[str, Any], origin: str, names: Names) -> None:
    """Refuse names that no plugin offers, with the place they stand in.

    Args:
        values: of one file, valid as a recipe.
        origin: the file.

    Raises:
        UsageError: there is one; or more than one plugin offers it.
    """
    for key, kind, name in _named(values):
        try:
            names.get(kind, name)
        except UsageError as error:
            raise type(error)(f"{origin}: {key}: {error.message}", error.hint) from None


def _named(values: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """(key, kind, name) of every component; those that are left to be chosen are not among them."""
    data, model, train = (values.get(section, {}) for section in ("data", "model", "train"))
    if model.get("adapter"):
        yield "model.adapter", "model", model["adapter"]
    yield from _choice("loss", "loss", values.get("loss"))
    if method := values.get("tune", {}).get("method"):
        yield "tune.method", "tuner", method
    for key, kind in CHOICES.items():
        yield from _choice(f"data.{key}", kind, data.get(key))
    for task in data.get("tasks", ()):
        yield from _choice("data.tasks.tokenization", "tokenization", task.get("tokenization"))
    for choice in values.get("eval", ()):
        yield from _choice("eval", "evaluator", choice)
    yield from _choice("train.optimizer", "optimizer", train.get("optimizer"))
    for choice in train.get("callbacks", ()):
        yield from _choice("train.callbacks", "callback", choice)


def _choice(key: str, kind: str, choice: Any) -> Iterator[tuple[str, str, str]]:
    """A name, or a table with one. Where the report's plugin is disabled, a run goes without, and a source of "auto" is
    none: both may be named all the same."""
    name = choice.get("name") if isinstance(choice, Mapping) else choice
    if name and (kind, name) not in (("callback", REPORT), ("source", "auto")):
        yield (f"{key}.name" if isinstance(choice, Mapping) else key), kind, name
