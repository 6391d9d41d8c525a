"""LoRA in all its forms: trained beside the base as it is on disk, saved for it, resumed bit by bit."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from transformers import AutoTokenizer

from helpers.finished_runs import interrupted
from helpers.running import arguments, events, largest_difference, mft, weights, write_tasks
from helpers.tiny_models import ADAPTERS, load_tiny
from mft_bases.tiny import TOKENIZER
from mft_core.errors import MftError, UsageError
from mft_core.recipe.loading import load_recipe
from mft_core.recipe.schema import Recipe
from mft_core.registry.discovery import discover
from mft_core.registry.workspace import Workspace
from mft_core.run.components import choose_parts
from mft_core.run.folder import RunFolder
from mft_core.testing.packed_texts import loss_and_gradients, move_weights
from mft_core.testing.random_models import logits_alone, random_ids, relative_difference
from mft_core.testing.tuned_models import save_tuned, tuned_model, tuner_of
from mft_core.tuning.fingerprint import base_fingerprint
from mft_core.tuning.finished import load_run
from mft_core.tuning.merging import merge
from mft_tuners.initial_values import initial_digest

CHANGE_THE_BASE = ("pissa", "pissa_niter_4", "olora")
KEEP_THE_BASE = ("default", "gaussian", "orthogonal", "mica")
VARIANTS: dict[str, dict[str, Any]] = {
    "dora": {"dora": True},
    "rslora": {"rslora": True},
    "dora with rslora": {"dora": True, "rslora": True},
    **{init: {"init": init} for init in (*CHANGE_THE_BASE, *KEEP_THE_BASE)},
    "pissa with rslora": {"init": "pissa", "rslora": True},
}

SAMPLED = "9939bb3c3d09ed85b157ef000ba4c17006db4a3d384da27583276156765dea84"


def tuned_tiny(folder: Path, **options: Any) -> Any:
    return tuned_model(load_tiny("llama", folder), rank=4, **options)


@pytest.mark.slow
@pytest.mark.parametrize("variant", VARIANTS)
def test_it_starts_as_the_base_trains_and_is_saved_for_the_base(variant: str, tmp_path: Path) -> None:
    ids = random_ids(11)
    untuned = logits_alone(load_tiny("llama", tmp_path / "base"), ids)
    model = tuned_tiny(tmp_path / "base", **VARIANTS[variant])
    assert relative_difference(logits_alone(model, ids), untuned) < 1e-5
    move_weights(model)
    _, gradients = loss_and_gradients(model)
    assert all(gradient.abs().max() > 0 for gradient in gradients.values())
    save_tuned(model, AutoTokenizer.from_pretrained(TOKENIZER), tmp_path / "run" / "final")
    expected = logits_alone(model.eval(), ids)
    assert relative_difference(untuned, expected) > 1e-2
    loaded, _ = load_run(tmp_path / "run", ADAPTERS.items())
    assert relative_difference(logits_alone(loaded, ids), expected) < 1e-5
    assert relative_difference(logits_alone(merge(loaded), ids), expected) < 1e-5


def test_the_scale_and_the_row_lengths_are_those_of_the_papers(tmp_path: Path) -> None:
    layer = tuned_tiny(tmp_path, alpha=8, rslora=True, dora=True).get_submodule(
        "base_model.model.model.layers.0.self_attn.q_proj"
    )
    assert layer.scaling["default"] == 8 / 4**0.5
    lengths = layer.base_layer.weight.norm(dim=1)
    torch.testing.assert_close(layer.lora_magnitude_vector["default"].weight.data, lengths)


@pytest.mark.parametrize("init", CHANGE_THE_BASE)
def test_what_is_taken_from_the_base_follows_from_the_seed(init: str, tmp_path: Path) -> None:
    torch.manual_seed(1)
    one = tuned_tiny(tmp_path, init=init, seed=5)
    torch.manual_seed(2)
    other = tuned_tiny(tmp_path, init=init, seed=5)
    assert initial_digest(one) == initial_digest(other) != ""
    for (name, weight), twin in zip(one.named_parameters(), other.parameters(), strict=True):
        assert torch.equal(weight, twin), name
    base = load_tiny("llama", tmp_path)
    assert not torch.equal(base.model.layers[0].mlp.up_proj.weight, one.model.model.layers[0].mlp.up_proj.weight)


@pytest.mark.parametrize("init", KEEP_THE_BASE)
def test_other_initial_values_leave_the_base_alone(init: str, tmp_path: Path) -> None:
    model, base = tuned_tiny(tmp_path, init=init), load_tiny("llama", tmp_path)
    frozen = {name.replace(".base_layer", ""): weight for name, weight in model.get_base_model().named_parameters()}
    assert all(torch.equal(weight, frozen[name]) for name, weight in base.named_parameters())
    assert initial_digest(model) == ""


@pytest.mark.parametrize(
    ("init", "method", "dora", "reason"),
    [
        ("eva", "lora", False, "needs a pass over data"),
        ("corda", "lora", False, "needs a pass over data"),
        ("lora_ga", "lora", False, "needs a pass over data"),
        ("loftq", "lora", False, "beside other weights"),
        ("pizza", "lora", False, "There is no tune.init"),
        ("pissa", "qlora", False, "needs the base's dense weights"),
        ("olora", "lora", True, "dora does not go with"),
    ],
)
def test_what_could_not_be_exact_is_refused_with_its_reason(init: str, method: str, dora: bool, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        tuner_of(init=init, method=method, dora=dora).check(Recipe())


def test_a_refusal_comes_before_any_weight_is_loaded() -> None:
    catalog = discover(Workspace()).catalog
    right = ("model.adapter", "llama")
    choose_parts(load_recipe(None, [right, ("tune.method", "full"), ("tune.init", "eva")]), catalog)
    with pytest.raises(UsageError, match="needs a pass over data"):
        choose_parts(load_recipe(None, [right, ("tune.init", "eva")]), catalog)


def test_peft_says_what_does_not_work_on_this_model(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="rank to be even"):
        tuned_model(load_tiny("llama", tmp_path), rank=3, init="orthogonal")
    with pytest.raises(UsageError, match="initialize PiSSA under float32"):
        tuned_model(load_tiny("llama", tmp_path, torch.float64), init="pissa")


@pytest.mark.slow
@pytest.mark.parametrize("settings", ["tune.init=pissa", "tune.method=qlora"])
def test_a_resumed_run_ends_with_the_same_weights(settings: str, tmp_path: Path) -> None:
    data = write_tasks(tmp_path / "data", {"add": 12, "copy": 4})
    more = ("--steps", "4", "--set", "train.save_every=2", "--set", settings, "--set", "tune.rank=4")
    assert mft(*arguments(data, tmp_path / "whole", *more)) == 0
    first, *_, last = (event["loss"] for event in events(tmp_path / "whole", "eval"))
    assert last < first
    resumed = interrupted(tmp_path / "whole", tmp_path / "resumed")
    assert mft("run", "--resume", "--output", str(resumed)) == 0
    assert largest_difference(weights(resumed), weights(tmp_path / "whole")) == 0
    other = interrupted(tmp_path / "whole", tmp_path / "other")
    components = json.loads((other / "components.json").read_text())
    assert bool(components["base"]["initialization"]) == ("pissa" in settings)
    components["base"]["initialization"] = "of another machine"
    (other / "components.json").write_text(json.dumps(components))
    assert mft("run", "--resume", "--output", str(other)) == MftError.exit_code
    assert not (other / "final").exists()


def test_a_run_goes_on_with_its_own_base_only(tmp_path: Path) -> None:
    base = {"reference": "org/x", "folder": "/models/x", "fingerprint": "sha256:1", "initialization": ""}
    folder = RunFolder(tmp_path)
    folder.write_components([], base)
    folder.check_base({**base, "folder": "/moved/x"})
    with pytest.raises(MftError, match="has other weights than when") as caught:
        folder.check_base({**base, "fingerprint": "sha256:2"})
    assert "/models/x" in caught.value.hint
    with pytest.raises(MftError, match="initial matrices came out other"):
        folder.check_base({**base, "initialization": "3"})


def test_a_run_that_recorded_samples_of_its_base_goes_on_with_it_only(tmp_path: Path) -> None:
    """As runs did before mft 0.1.0; the record is that of `tests/tuning/test_fingerprint.py`."""
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    save_file({"weight": torch.arange(1000)}, tmp_path / "model.safetensors")
    base = {"reference": "org/x", "folder": str(tmp_path), "fingerprint": SAMPLED, "initialization": ""}
    folder = RunFolder(tmp_path)
    folder.write_components([], base)
    folder.check_base({**base, "fingerprint": base_fingerprint(tmp_path)})
    save_file({"weight": torch.arange(1, 1001)}, tmp_path / "model.safetensors")
    with pytest.raises(MftError, match="has other weights than when"):
        folder.check_base({**base, "fingerprint": base_fingerprint(tmp_path)})
