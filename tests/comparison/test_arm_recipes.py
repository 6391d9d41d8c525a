"""An arm's own keys: what it may have, and what is said of what it may not."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.running import mft
from helpers.small_comparisons import write_comparison
from mft_core.comparison.arm import parse_arm, parse_arms
from mft_core.comparison.arm_recipes import arm_recipe, budget_warnings
from mft_core.recipe.schema import Recipe
from mft_core.registry.catalog import Catalog


def test_keys_change_the_recipe_of_their_arm_alone(catalog: Catalog) -> None:
    recipe = Recipe().having("train", steps=7)
    assert arm_recipe(recipe, parse_arm("famo every=5"), catalog) is recipe
    own = arm_recipe(recipe, parse_arm("balanced tune.rank=4 train.epochs=2 data.packer=sequential"), catalog)
    assert (own.tune.rank, own.train.steps, own.train.epochs, own.data.packer.name) == (4, 0, 2.0, "sequential")
    assert own.having("tune", rank=16).having("data", packer=recipe.data.packer).data == recipe.data
    few = recipe.having("data", max_valid_samples=5)
    assert arm_recipe(few, parse_arm("balanced data.max_samples=9"), catalog).data.max_samples == 9


def test_a_budget_of_its_own_is_said() -> None:
    arms = parse_arms("single,mixed tune.rank=4,balanced train.batch_size=8 train.epochs=2,merged")
    longer, combined = budget_warnings(arms)
    assert "'balanced train.batch_size=8 train.epochs=2' has a budget of its own" in longer
    assert "train.batch_size=8, train.epochs=2" in longer
    assert "'merged' trains nothing: beside its own cost it takes that of 'single'" in combined


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_comparison(tmp_path_factory.mktemp("wrong"))


@pytest.mark.parametrize(
    ("arms", "said", "hint"),
    [
        ("balanced tune.rnak=4", "arm 'balanced tune.rnak=4': unknown key 'tune.rnak'", "tune.rank"),
        ("balanced rank=4", "has no option 'rank'", "did you mean 'tune.rank'"),
        ("famo evry=4", "arm 'famo evry=4': famo has no option 'evry'", "did you mean 'every'"),
        ("famo every=x", "every = 'x'", "Options of"),
        ("balanced tune.rank=0", "arm 'balanced tune.rank=0'", ""),
        ("balanced tune.init=pisa", "arm 'balanced tune.init=pisa'", "pissa"),
        ('balanced tune.targets=["q_prj"]', "no linear module 'q_prj'", "q_proj"),
        ("balanced data.max_length=64", "arms are compared on the same", "--set data.max_length=VALUE"),
        ("balanced data.max_samples=4", "arms are compared on the same", "where data.max_valid_samples is given"),
        ("balanced data.split_seed=4", "arms are compared on the same", "packer"),
        ("balanced model.base=smollm2", "model.base cannot differ between arms", "compare once for each"),
        ("balanced train.seed=4", "train.seed cannot differ between arms", "leave it out"),
        ("balanced output.dir=x", "output.dir cannot differ between arms", "leave it out"),
        ("mixed,merged", "combines the adapters of the arm 'single', which is not compared", 'add it: --arms "single'),
        ("single,merged tune.rank=4", "of the arm 'single tune.rank=4'", 'add it: --arms "single tune.rank=4'),
        ("single,merged method=tise", "method = 'tise'", "method, density, weights"),
        ("single,merged density=0.4", "method linear keeps whole matrices", "ties, dare_linear, dare_ties"),
        ("single,merged weights=[0.0]", "greater than 0", "weights"),
        ("single,merged dense=1", "merged has no option 'dense'", "density"),
        (
            "single tune.method=full,merged tune.method=full",
            'tune.method = "full": LoRA adapters are combined, and this makes none',
            "lora",
        ),
        ("single tune.dora=true,merged tune.dora=true", "PEFT combines no DoRA adapters", "without tune.dora"),
    ],
)
def test_what_an_arm_may_not_have_is_named_before_anything_is_written(
    folder: Path, capsys, monkeypatch: pytest.MonkeyPatch, arms: str, said: str, hint: str
) -> None:
    monkeypatch.chdir(folder)
    assert mft("compare", "recipe.toml", "--arms", arms, "--output", "out") == 2
    printed = capsys.readouterr().err
    assert said in printed
    assert hint in printed
    assert not Path("out").exists()
