"""Only runs that would measure the same share a first evaluation."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from accelerate import Accelerator
from accelerate.state import AcceleratorState

from mft_core.recipe.loading import load_recipe
from mft_core.registry.catalog import Catalog
from mft_core.run.first_evaluations import first_evaluation
from mft_core.run.plan import make_plan

Kept = Callable[..., str]


@pytest.fixture
def kept(data: Path, catalog: Catalog, tmp_path: Path) -> Kept:
    """The name of the file of a run whose recipe has these keys too; "": it keeps none."""
    AcceleratorState._reset_state(True)
    accelerator = Accelerator(cpu=True)
    small = {"data.path": str(data), "data.max_length": 128, "model.adapter": "llama", "model.dtype": "float32"}

    def name(fingerprint: str = "a", **keys: Any) -> str:
        changed = {key.replace("__", "."): value for key, value in keys.items()}
        plan = make_plan(load_recipe(None, list({**small, **changed}.items())), catalog)
        found = first_evaluation(tmp_path, plan, fingerprint, accelerator)
        return found.path.name if found else ""

    return name


def test_what_comes_later_does_not_matter(kept: Kept) -> None:
    name = kept()
    assert len(name) == 64 + len(".json")
    assert kept(train__seed=3, train__steps=7, train__learning_rate=1.0, train__stop="paper", loss__name="famo") == name
    assert kept(tune__rank=4, tune__alpha=3.0, tune__dropout=0.5, tune__init="default") == name
    often = [{"name": "add", "repeat": 3.0, "weight": 2.0}]
    assert kept(data__tasks=often) == name


@pytest.mark.parametrize(
    "changed",
    [
        {"fingerprint": "b"},
        {"model__dtype": "float64"},
        {"tune__method": "full"},
        {"tune__targets": ["q_proj"]},
        {"tune__cast_activations": True},
        {"train__micro_batch_size": 2},
        {"data__packer": "sequential"},
        {"data__max_length": 64},
        {"data__include": ["add", "copy"]},
        {"data__max_valid_samples": 1},
        {"data__tasks": [{"name": "add", "role": "watch"}]},
    ],
    ids=str,
)
def test_what_changes_a_bit_does(kept: Kept, changed: dict[str, Any]) -> None:
    assert kept(**changed) not in ("", kept())


@pytest.mark.parametrize("keys", [{"tune__init": "pissa"}, {"tune__init": "orthogonal"}, {"tune__dora": True}], ids=str)
def test_a_model_that_does_not_begin_as_its_base_measures_itself(kept: Kept, keys: dict[str, Any]) -> None:
    assert kept(**keys) == ""
