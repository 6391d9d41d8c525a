"""Every bundled model family: recognised, tunable, and itself under LoRA, checkpointing, padding and caching."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_models import ADAPTERS, ARCHITECTURES, VOCABULARY, adapter_of, config_of, load_tiny, relative_difference

from mft_core.attention import packed_inputs
from mft_core.modeling import load_base, read_config, recognize_adapter
from mft_core.tuning import lora_modules, prepare_for_tuning

FIXTURES = Path(__file__).resolve().parents[2] / "shared" / "fixtures" / "checkpoints"
TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-10}


def random_ids(*shape: int) -> torch.Tensor:
    return torch.randint(1, VOCABULARY, shape, generator=torch.Generator().manual_seed(2))


def loss_and_gradients(model: Any) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Of one packed row of two documents, in training mode."""
    ids = random_ids(1, 20)
    positions = torch.cat([torch.arange(12), torch.arange(8)])[None]
    logits = model.train()(input_ids=ids, position_ids=positions, **packed_inputs([(0, 0, 12), (0, 12, 20)])).logits
    loss = torch.nn.functional.cross_entropy(logits[0, :-1], ids[0, 1:])
    loss.backward()
    return loss.detach(), {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_checkpoint_is_recognised_by_its_own_family_only(architecture: str) -> None:
    config = config_of(architecture).to_dict()
    assert recognize_adapter(ADAPTERS.items(), config) == ARCHITECTURES[architecture].adapter
    assert [name for name, adapter in ADAPTERS.items() if adapter.recognizes(config)] == [
        ARCHITECTURES[architecture].adapter
    ]


@pytest.mark.parametrize("name", ADAPTERS)
def test_tiny_configurations_are_small_and_long_enough(name: str) -> None:
    config = ADAPTERS[name].tiny_config(2048)
    assert config.vocab_size == 2048
    assert config.hidden_size % 64 == 0
    assert config.max_position_embeddings >= 4096
    rates = {key: value for key, value in config.to_dict().items() if "drop" in key and key != "classifier_dropout"}
    assert not any(rates.values()), rates


@pytest.mark.parametrize("targets", ["all-linear", "family"])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_gradients_reach_every_adapter_and_nothing_else(architecture: str, targets: str, tmp_path: Path) -> None:
    model = load_tiny(architecture, tmp_path)
    family = adapter_of(architecture).lora_targets
    modules = lora_modules(model, targets, family)
    assert modules == lora_modules(model, "all-linear")
    assert set(modules) <= set(family)
    tuned = prepare_for_tuning(model, targets=targets, family=family, rank=4)
    for name, parameter in tuned.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter)
    _, gradients = loss_and_gradients(tuned)
    linears = sum(
        isinstance(module, torch.nn.Linear) for name, module in model.named_modules() if name.endswith("base_layer")
    )
    assert len(gradients) == 2 * linears > 0
    assert all("lora_" in name and gradient.abs().max() > 0 for name, gradient in gradients.items())


@pytest.mark.parametrize("method", ["lora", "full"])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_gradient_checkpointing_changes_nothing(architecture: str, method: str, tmp_path: Path) -> None:
    found = []
    for checkpointing in (False, True):
        model = load_tiny(architecture, tmp_path, torch.float64)
        found.append(
            loss_and_gradients(prepare_for_tuning(model, method=method, gradient_checkpointing=checkpointing, seed=3))
        )
        assert any(getattr(layer, "gradient_checkpointing", False) for layer in model.modules()) == checkpointing
    (plain_loss, plain), (loss, checkpointed) = found
    torch.testing.assert_close(loss, plain_loss, rtol=1e-12, atol=0)
    torch.testing.assert_close(checkpointed, plain, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_padding_on_either_side_changes_nothing(architecture: str, dtype: torch.dtype, tmp_path: Path) -> None:
    model = load_tiny(architecture, tmp_path, dtype)
    ids = random_ids(1, 9)
    alone = model(input_ids=ids, use_cache=False).logits
    padding = torch.zeros(1, 4, dtype=torch.long)
    real = torch.ones_like(ids)
    right = model(input_ids=torch.cat([ids, padding], 1), attention_mask=torch.cat([real, padding], 1)).logits
    left = model(
        input_ids=torch.cat([padding, ids], 1),
        attention_mask=torch.cat([padding, real], 1),
        position_ids=torch.cat([padding, torch.arange(9)[None]], 1),
    ).logits
    assert relative_difference(right[:, :9], alone) < TOLERANCE[dtype]
    assert relative_difference(left[:, 4:], alone) < TOLERANCE[dtype]


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_generation_with_cache_is_generation_without(architecture: str, tmp_path: Path) -> None:
    model = load_tiny(architecture, tmp_path, torch.float64)
    options = {"max_new_tokens": 12, "do_sample": False, "attention_mask": torch.ones(1, 7, dtype=torch.long)}
    cached = model.generate(random_ids(1, 7), use_cache=True, **options)
    assert torch.equal(cached, model.generate(random_ids(1, 7), use_cache=False, **options))
    ids = random_ids(1, 7)
    for _ in range(12):
        ids = torch.cat([ids, model(input_ids=ids, use_cache=False).logits[:, -1:].argmax(-1)], 1)
    assert torch.equal(cached, ids)


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
