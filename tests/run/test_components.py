"""The components that a recipe names, built."""

from __future__ import annotations

import pytest

from mft_core.errors import UsageError
from mft_core.recipe.loading import load_recipe
from mft_core.registry.catalog import Catalog
from mft_core.run.components import choose_parts
from mft_losses.famo import Famo
from mft_packing.sequential import Sequential


def test_every_part_has_the_options_of_the_recipe_and_its_origin(catalog: Catalog) -> None:
    settings = [("loss", "famo"), ("loss.every", 3), ("data.packer", "sequential"), ("model.adapter", "qwen")]
    parts = choose_parts(load_recipe(None, [*settings, ("model.base", "org/name@v1"), ("eval", ["loss"])]), catalog)
    assert isinstance(parts.loss, Famo)
    assert parts.loss.options.every == 3
    assert isinstance(parts.packer, Sequential)
    assert parts.base_reference == "org/name@v1"
    assert parts.family == "qwen"
    assert list(parts.callbacks) == ["report"]
    assert len(parts.evaluators) == 1
    kinds = [entry.kind for entry in parts.entries]
    assert {"loss", "packer", "tokenization", "evaluator", "base", "callback"} <= set(kinds)


def test_tasks_of_the_recipe_need_no_source(catalog: Catalog) -> None:
    tasks = [{"name": "a", "train": "a.jsonl"}]
    assert choose_parts(load_recipe(None, [("data.tasks", tasks)]), catalog).source is None
    assert choose_parts(load_recipe(None, [("data.path", "/x")]), catalog).source is not None


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        (("loss", "fano"), r"no loss called 'fano'"),
        (("data.packer", "best-fitt"), r"no packer called 'best-fitt'"),
        (("loss.evry", 2), r"\[loss\]"),
    ],
)
def test_a_wrong_name_or_option_is_told_with_its_place(setting: tuple, said: str, catalog: Catalog) -> None:
    with pytest.raises(UsageError, match=said):
        choose_parts(load_recipe(None, [("loss", "famo"), setting]), catalog)
