"""Adapters combined are what PEFT makes of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM

from helpers.tiny_models import adapter_of, write_checkpoint
from mft_core.errors import MftError
from mft_core.models.loading import load_base
from mft_core.tuning.combining import COMBINED, AdapterCombiner, MergeOptions

pytestmark = pytest.mark.filterwarnings("ignore::UserWarning")


def written(folder: Path, rank: int = 4, **options: Any) -> list[Path]:
    """Three random adapters by PEFT on a tiny Llama, which lies beside them."""
    base = write_checkpoint("llama", folder / "base")
    for seed in range(3):
        torch.manual_seed(seed)
        config = LoraConfig(
            r=rank, lora_alpha=6, task_type="CAUSAL_LM", target_modules=["q_proj", "up_proj", "embed_tokens"],
            init_lora_weights=False, **options,
        )  # fmt: skip
        get_peft_model(AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32), config).save_pretrained(
            folder / str(seed)
        )
    return [folder / str(seed) for seed in range(3)]


def combiner(adapters: list[Path], dtype: torch.dtype = torch.float32) -> AdapterCombiner:
    return AdapterCombiner(load_base(adapter_of("llama"), adapters[0].parent / "base", dtype), adapters)


def changes(model: PeftModel, name: str) -> dict[str, torch.Tensor]:
    """What an adapter adds to each layer's weights."""
    layers: Any = [(key, module) for key, module in model.named_modules() if hasattr(module, "get_delta_weight")]
    return {key: module.get_delta_weight(name) for key, module in layers}


@pytest.mark.parametrize("method", ["linear", "ties", "dare_linear", "dare_ties", "cat"])
def test_every_method_is_peft_s(method: str, tmp_path: Path) -> None:
    adapters = written(tmp_path)
    ours = combiner(adapters)
    density = None if method in ("linear", "cat") else 0.4
    options = MergeOptions.model_validate({"method": method} | ({"density": density} if density else {}))
    for weight in (0.9, 0.25):  # the second one takes the place of the first
        before = torch.random.get_rng_state()
        ours.combine(options, weight, seed=7)
        assert torch.equal(torch.random.get_rng_state(), before)

    base = AutoModelForCausalLM.from_pretrained(tmp_path / "base", dtype=torch.float32)
    theirs: Any = PeftModel.from_pretrained(base, str(adapters[0]), adapter_name="a")
    theirs.load_adapter(str(adapters[1]), "b")
    theirs.load_adapter(str(adapters[2]), "c")
    torch.manual_seed(7)
    theirs.add_weighted_adapter(["a", "b", "c"], [0.25] * 3, "all", method, density=density)
    expected = changes(theirs, "all")
    found = changes(ours.model, COMBINED)
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in found)

    ids = torch.arange(9)[None]
    theirs.set_adapter("all")
    ours.drop_parts()
    assert list(ours.model.peft_config) == [COMBINED]
    assert not ours.model.training
    assert torch.allclose(ours.model(input_ids=ids).logits, theirs.eval()(input_ids=ids).logits, atol=1e-6)


@pytest.mark.parametrize("rslora", [False, True])
def test_cat_is_exactly_the_weighted_sum_whatever_the_scale(rslora: bool, tmp_path: Path) -> None:
    ours = combiner(written(tmp_path, use_rslora=rslora))
    ours.combine(MergeOptions(method="cat"), 0.5, seed=0)
    parts = [changes(ours.model, name) for name in ours.model.peft_config if name != COMBINED]
    for name, change in changes(ours.model, COMBINED).items():
        assert torch.allclose(change, sum(0.5 * part[name] for part in parts), atol=1e-6)
    ours.drop_parts()
    ours.model.save_pretrained(tmp_path / "out")
    again: Any = PeftModel.from_pretrained(
        AutoModelForCausalLM.from_pretrained(tmp_path / "base", dtype=torch.float32), tmp_path / "out"
    )
    assert all(
        torch.equal(change, changes(again, COMBINED)[name]) for name, change in changes(ours.model, COMBINED).items()
    )


@pytest.mark.parametrize("method", ["linear", "ties", "dare_linear", "dare_ties", "cat"])
def test_on_a_bfloat16_base_no_digit_of_the_adapters_is_lost(method: str, tmp_path: Path) -> None:
    adapters = written(tmp_path)
    options = MergeOptions.model_validate({"method": method})
    found = []
    for dtype in (torch.bfloat16, torch.float32):
        ours = combiner(adapters, dtype)
        ours.combine(options, 0.5, seed=3)
        ours.drop_parts()
        found.append({name: tensor for name, tensor in ours.model.named_parameters() if COMBINED in name})
    for name, tensor in found[0].items():
        assert tensor.dtype == torch.float32
        assert torch.equal(tensor, found[1][name]), name


def test_weights_that_are_tried_depend_on_how_many_adapters_there_are() -> None:
    assert MergeOptions().tried(2) == [0.15, 0.25, 0.3, 0.35, 0.5, 0.7, 1.0]
    assert MergeOptions().tried(1) == [0.3, 0.5, 0.7, 1.0]
    assert MergeOptions().tried(6)[0] == 1 / 36, "the mean of adapters that begin at one A"
    assert MergeOptions(weights=[2.0, 0.1, 2.0]).tried(9) == [0.1, 2.0]


def test_adapters_that_peft_cannot_combine_are_an_error(tmp_path: Path) -> None:
    first, *_ = written(tmp_path / "four")
    second, *_ = written(tmp_path / "eight", rank=8)
    ours = combiner([first, second])
    with pytest.raises(MftError, match="must have the same r") as caught:
        ours.combine(MergeOptions(), 1.0, seed=0)
    assert "another method" in caught.value.hint
    ours.combine(MergeOptions(method="cat"), 1.0, seed=0)
    assert ours.model.peft_config[COMBINED].r == 12  # type: ignore[attr-defined]
