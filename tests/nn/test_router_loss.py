"""The load-balancing loss of mixtures of experts."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import MixtralConfig, MixtralForCausalLM, Qwen2MoeConfig, Qwen2MoeForCausalLM

from helpers.running import arguments, events, mft, write_tasks
from helpers.small_trainer import CAPACITY
from mft_core.batching.collate import collate
from mft_core.interfaces import ModelAdapter
from mft_core.nn.packed_attention import PACKED_ATTENTION, register_packed_attention
from mft_core.nn.token_losses import TokenLossModel
from mft_core.testing.samples import random_table
from mft_core.testing.small_tokenizers import small_tokenizer
from mft_llama.adapter import Llama
from mft_qwen.adapter import Qwen

SIZES = {
    "vocab_size": 97, "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 1,
    "num_experts_per_tok": 2, "router_aux_loss_coef": 0.5, "intermediate_size": 48,
}  # fmt: skip


def mixtral() -> tuple[ModelAdapter, torch.nn.Module]:
    return Llama(), MixtralForCausalLM(MixtralConfig(**SIZES, num_local_experts=4))


def qwen() -> tuple[ModelAdapter, torch.nn.Module]:
    own = {"num_experts": 4, "moe_intermediate_size": 24, "shared_expert_intermediate_size": 24}
    return Qwen(), Qwen2MoeForCausalLM(Qwen2MoeConfig(**SIZES, **own))


@pytest.fixture(params=[mixtral, qwen], ids=["mixtral", "qwen2_moe"])
def expert_model(request: pytest.FixtureRequest) -> tuple[ModelAdapter, torch.nn.Module]:
    register_packed_attention()
    torch.manual_seed(0)
    adapter, model = request.param()
    model.set_attn_implementation(PACKED_ATTENTION)
    return adapter, model


def test_it_is_what_transformers_adds_to_the_loss_and_trains_the_routers(expert_model) -> None:
    adapter, model = expert_model
    batch = collate([[0], [1]], random_table([2]), CAPACITY)
    token_losses = TokenLossModel(model.train(), adapter.model_inputs, adapter.router_loss(model.config))
    found = token_losses(batch).router_loss
    real = batch.sample_index >= 0
    plain = model(input_ids=batch.input_ids, attention_mask=real.long(), output_router_logits=True)
    torch.testing.assert_close(found, 0.5 * plain.aux_loss)
    found.backward()
    routers = {name: p.grad for name, p in model.named_parameters() if ".gate." in name}
    assert len(routers) == 2
    assert all(gradient.abs().max() > 0 for gradient in routers.values())


def test_neither_evaluation_nor_a_batch_without_tokens_has_one(expert_model) -> None:
    adapter, model = expert_model
    token_losses = TokenLossModel(model, adapter.model_inputs, adapter.router_loss(model.config))
    table = random_table([2])
    assert token_losses.train()(collate([], table)).router_loss is None
    assert token_losses.eval()(collate([[0]], table)).router_loss is None


def test_dense_models_have_none() -> None:
    for adapter in (Llama(), Qwen()):
        assert adapter.router_loss(adapter.tiny_config(97)) is None


@pytest.mark.slow
def test_a_run_trains_with_it_or_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same data and seed give other gradients, both finite."""
    (tmp_path / "plugins.toml").write_text('disabled = ["mft-report"]\n', encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    data, base, tokenizer = write_tasks(tmp_path / "data"), tmp_path / "base", small_tokenizer()
    config = MixtralConfig(**{**SIZES, "vocab_size": len(tokenizer)}, num_local_experts=4)
    MixtralForCausalLM(config).save_pretrained(base)
    tokenizer.save_pretrained(base)
    norms = []
    for wanted in ("true", "false"):
        settings = ["tune.method=full", f"train.router_loss={wanted}"]
        more = ["--base", str(base), "--steps", "2", *(part for setting in settings for part in ("--set", setting))]
        assert mft(*arguments(data, tmp_path / wanted, *more)) == 0
        norms.append(events(tmp_path / wanted, "train")[0]["gradient_norm"])
    assert norms[0] != norms[1]
