"""The bundled model families: what they promise beyond the conformance kit."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch.nn.functional import cross_entropy

from helpers.paths import CHECKPOINTS
from helpers.tiny_models import ADAPTERS, ARCHITECTURES, adapter_of, config_of
from mft_core.errors import MftError
from mft_core.models.building import build_empty
from mft_core.models.checkpoints.config import read_config
from mft_core.models.loading import load_base
from mft_core.models.recognition import recognize_adapter
from mft_core.nn.packed_attention import packed_inputs
from mft_core.testing.random_models import relative_difference
from mft_core.tuning.targets import lora_modules


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
    """Alone, packed, padded on the right, and its greedy continuation.

    Those under left padding are left out: they were made without a mask, and equal the unpadded ones.
    """
    folder = CHECKPOINTS / name
    if not folder.is_dir():
        pytest.skip("../shared is absent")
    from safetensors.torch import load_file

    expected = load_file(folder / "expected.safetensors")
    adapter = ADAPTERS[recognize_adapter(ADAPTERS.items(), read_config(folder))]
    model, ids = load_base(adapter, folder, torch.float32), expected["ids"]
    rows, width = ids.shape
    found = model(input_ids=ids, use_cache=False).logits
    assert (found - expected["eval"]).abs().max() < 1e-4
    positions = torch.arange(width).repeat(rows)[None]
    documents = [(0, row * width, (row + 1) * width) for row in range(rows)]
    packed = model(input_ids=ids.view(1, -1), position_ids=positions, **packed_inputs(documents)).logits
    assert (packed.view_as(found) - expected["eval"]).abs().max() < 1e-4
    mask = expected["right_mask"]
    padded = model(input_ids=ids, attention_mask=mask, use_cache=False).logits
    assert (padded - expected["right"])[mask.bool()].abs().max() < 1e-4
    greedy, prompt = expected["greedy"], ids[:1]
    options = {"max_new_tokens": greedy.shape[1] - width, "do_sample": False, "attention_mask": torch.ones_like(prompt)}
    assert torch.equal(model.generate(prompt, **options), greedy)


def test_a_model_that_has_learned_something_is_as_sure_packed_as_alone() -> None:
    folder = CHECKPOINTS / "stories260k"
    if not folder.is_dir():
        pytest.skip("../shared is absent")
    model = load_base(ADAPTERS["llama"], folder, torch.float32)
    start = torch.tensor([[1]])
    story = model.generate(start, max_new_tokens=60, do_sample=False, attention_mask=torch.ones_like(start))[0]
    row, positions = torch.cat([story.flip(0), story])[None], torch.arange(len(story)).repeat(2)[None]
    packed = model(input_ids=row, position_ids=positions, **packed_inputs([(0, 0, 61), (0, 61, 122)])).logits[0, 61:]
    alone = model(input_ids=story[None], use_cache=False).logits[0]
    assert relative_difference(packed, alone) < 1e-5
    assert cross_entropy(packed[:-1], story[1:]) < 1 < cross_entropy(packed[:-1], story[1:].flip(0))


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (name, kind)
        for name, kinds in {"gemma": ("gemma3", "gemma3n"), "deepseek": ("deepseek_v32",)}.items()
        for kind in kinds
    ],
)
def test_what_a_family_cannot_train_is_refused_by_name(name: str, kind: str, tmp_path: Path) -> None:
    config = {"model_type": kind, "architectures": ["Some"], "vision_config": {"hidden_size": 64}}
    (tmp_path / "config.json").write_text(json.dumps(config), encoding="utf-8")
    assert ADAPTERS[name].recognizes(config)
    with pytest.raises(MftError, match=f"model_type '{kind}'"):
        recognize_adapter(ADAPTERS.items(), config)
    with pytest.raises(MftError, match=f"model_type '{kind}'"):
        load_base(ADAPTERS[name], tmp_path, torch.float32)
