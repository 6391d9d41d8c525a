"""The bundled model families: what they promise beyond the conformance kit."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tiny_models import ADAPTERS, ARCHITECTURES, adapter_of, config_of

from mft_core.modeling import build_empty, load_base, read_config, recognize_adapter
from mft_core.tuning import lora_modules

FIXTURES = Path(__file__).resolve().parents[2] / "shared" / "fixtures" / "checkpoints"


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_the_familys_targets_are_all_its_linear_modules(architecture: str) -> None:
    model = build_empty(config_of(architecture), torch.float32)
    family = adapter_of(architecture).lora_targets
    assert lora_modules(model, "family", family) == lora_modules(model, "all-linear")
    assert set(lora_modules(model, "all-linear")) <= set(family)


@pytest.mark.parametrize("name", ADAPTERS)
def test_every_target_is_a_module_of_some_architecture(name: str) -> None:
    architectures = [key for key, architecture in ARCHITECTURES.items() if architecture.adapter == name]
    models = [build_empty(config_of(architecture), torch.float32) for architecture in architectures]
    assert {module for model in models for module in lora_modules(model, "all-linear")} == set(
        ADAPTERS[name].lora_targets
    )


def test_qwen_answers_in_chatml() -> None:
    template = ADAPTERS["qwen"].chat_template
    assert template is not None
    assert "<|im_start|>" in template
    assert {name for name, adapter in ADAPTERS.items() if adapter.chat_template} == {"qwen"}


@pytest.mark.parametrize("name", ["gpt_bigcode", "gpt_neox"])
def test_published_format_gives_the_original_codes_logits(name: str) -> None:
    folder = FIXTURES / name
    if not folder.is_dir():
        pytest.skip(f"{folder} is not here")
    from safetensors.torch import load_file

    expected = load_file(folder / "expected.safetensors")
    adapter = ADAPTERS[recognize_adapter(ADAPTERS.items(), read_config(folder))]
    model = load_base(adapter, folder, torch.float32)
    found = model(input_ids=expected["ids"], use_cache=False).logits
    assert (found - expected["eval"]).abs().max() < 1e-4
