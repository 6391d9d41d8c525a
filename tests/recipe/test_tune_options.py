"""Whose option a key of [tune] is."""

from __future__ import annotations

from pathlib import Path

import pytest

from mft_core.errors import UsageError
from mft_core.recipe.loading import load_recipe
from mft_core.recipe.schema import TuneSection
from mft_core.recipe.tune_options import own_options, tuner_options, with_all_options
from mft_core.registry.catalog import Catalog
from mft_core.registry.discovery import discover
from mft_core.registry.workspace import Workspace
from mft_core.tuning.preparing import build_tuner

OF_AN_OLDER_RUN = """
[tune]
method = "full"
rank = 16
alpha = 32.0
dropout = 0.05
targets = "all-linear"
dora = false
rslora = false
init = "default"
cast_activations = false
quant_type = "nf4"
double_quant = true
"""


@pytest.fixture(scope="module")
def catalog() -> Catalog:
    return discover(Workspace()).catalog


def test_every_option_of_the_tuner_is_there_with_its_default_and_no_other_tuners(catalog: Catalog) -> None:
    lora = load_recipe(None, [("tune.rank", 4), ("tune.quant_type", "fp4")], components=catalog).tune
    assert (lora.method, lora.options["rank"], lora.options["alpha"]) == ("lora", 4, 32.0)
    assert "quant_type" not in lora.options
    four_bits = load_recipe(None, [("tune.method", "qlora"), ("tune.quant_type", "fp4")], components=catalog).tune
    assert four_bits.options["quant_type"] == "fp4"


def test_a_recipe_with_the_options_of_all_methods_is_one_of_its_own(catalog: Catalog, tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text(OF_AN_OLDER_RUN)
    assert load_recipe(path, components=catalog) == load_recipe(None, [("tune.method", "full")], components=catalog)
    assert build_tuner(load_recipe(path).tune, catalog).words() == "full"
    lora = load_recipe(path, [("tune.method", "lora")], components=catalog)
    assert lora.tune == with_all_options(TuneSection(), catalog)


def test_written_and_read_again_it_is_the_same(catalog: Catalog, tmp_path: Path) -> None:
    recipe = load_recipe(None, [("tune.targets", ["q_proj"]), ("tune.init", "pissa")], components=catalog)
    (tmp_path / "recipe.toml").write_text(recipe.as_toml())
    assert load_recipe(tmp_path / "recipe.toml").tune == recipe.tune
    assert load_recipe(tmp_path / "recipe.toml", components=catalog) == recipe


def test_an_option_of_no_tuner_is_refused_where_it_stands(catalog: Catalog, tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text("[tune]\nrnak = 3\n")
    with pytest.raises(UsageError, match=r"recipe\.toml: unknown key 'tune\.rnak'") as caught:
        load_recipe(path, components=catalog)
    assert caught.value.hint == "did you mean 'tune.rank'?"
    with pytest.raises(UsageError, match=r"the command line: unknown key 'tune\.quant_typ'"):
        load_recipe(None, [("tune.method", "full"), ("tune.quant_typ", "fp4")], components=catalog)


def test_a_tuner_that_there_is_not_is_refused_by_its_name(catalog: Catalog) -> None:
    with pytest.raises(UsageError, match=r"tune\.method: There is no tuner called 'lorra'") as caught:
        load_recipe(None, [("tune.method", "lorra"), ("tune.rank", 4)], components=catalog)
    assert "lora" in caught.value.hint


def test_a_value_that_is_not_allowed_is_said_with_its_place(catalog: Catalog) -> None:
    recipe = load_recipe(None, [("tune.rank", 0)], components=catalog)
    with pytest.raises(UsageError, match=r"\[tune\] rank = 0: Input should be greater"):
        build_tuner(recipe.tune, catalog)


def test_what_no_tuner_has_stays_to_be_refused(catalog: Catalog) -> None:
    tune = TuneSection(method="full", rank=3, sizes=4)
    assert own_options(tune, catalog) == {"sizes": 4}
    assert {"rank", "quant_type"} <= set(tuner_options(catalog))
