"""From hidden states to logits: the form is found in a model, or the model is refused."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch.nn.functional import linear
from transformers import AutoModelForCausalLM, FalconH1Config, LlamaConfig, LlamaForCausalLM, OPTConfig
from transformers.modeling_outputs import CausalLMOutput

from helpers.token_losses import MODELS, PLAIN, SMALL, make_model
from mft_core.errors import MftError
from mft_core.nn.logit_form import LogitForm, logit_form
from mft_core.nn.packed_attention import PACKED_ATTENTION, register_packed_attention
from mft_core.nn.token_losses import TokenLossModel


def test_forms_are_found_in_the_models() -> None:
    forms = {name: logit_form(make_model(config)) for name, config in MODELS.items()}
    assert forms == {
        "plain": LogitForm(),
        "tied": LogitForm(),
        "bias": LogitForm(),
        "scale": LogitForm(0.25),
        "inverse scale": LogitForm(1 / 3.0),
        "softcap": LogitForm(1.0, 4.0),
    }


class Squared(LlamaForCausalLM):
    def forward(self, *args: Any, **kwargs: Any) -> Any:
        found = super().forward(*args, **kwargs)
        found.logits = found.logits * found.logits.abs()
        return found


class Shrunk(LlamaForCausalLM):
    def forward(self, *args: Any, **kwargs: Any) -> Any:
        hidden = self.model(*args, **kwargs).last_hidden_state
        return CausalLMOutput(logits=self.lm_head(hidden / 2))


class Headless(LlamaForCausalLM):
    def forward(self, *args: Any, **kwargs: Any) -> Any:
        hidden = self.model(*args, **kwargs).last_hidden_state
        return CausalLMOutput(logits=linear(hidden, self.lm_head.weight))


@pytest.mark.parametrize(
    ("kind", "problem"), [(Squared, "scale and a softcap"), (Headless, "somewhere else"), (Shrunk, "as they are")]
)
def test_unknown_heads_are_refused_by_name(kind, problem) -> None:
    config = LlamaConfig(**SMALL)
    config._attn_implementation = PACKED_ATTENTION
    register_packed_attention()
    with pytest.raises(MftError, match=f"{kind.__name__}.*{problem}"):
        TokenLossModel(kind(config))


def test_a_head_multiplier_of_any_model_is_found() -> None:
    config = FalconH1Config(**SMALL, lm_head_multiplier=0.125, mamba_d_ssm=32, mamba_n_heads=2, mamba_d_head=16)
    assert logit_form(AutoModelForCausalLM.from_config(config).eval()) == LogitForm(0.125)


def test_looking_at_a_model_changes_nothing() -> None:
    model = make_model(PLAIN).train()
    before, state = torch.get_rng_state(), {key: value.clone() for key, value in model.state_dict().items()}
    TokenLossModel(model)
    assert torch.equal(before, torch.get_rng_state())
    assert all(torch.equal(value, state[key]) for key, value in model.state_dict().items())
    assert not model.lm_head._forward_hooks
    assert not model.model._forward_hooks
    assert all(module.training for module in model.modules())


def test_a_model_that_calls_a_part_of_its_base_model_is_known_as_well() -> None:
    config = OPTConfig(vocab_size=128, hidden_size=64, word_embed_proj_dim=64, ffn_dim=64, num_hidden_layers=1)
    config.num_attention_heads = 2
    register_packed_attention()
    model = AutoModelForCausalLM.from_config(config, attn_implementation=PACKED_ATTENTION).train()
    assert logit_form(model) == LogitForm()
    assert model.training


class Inseparable(LlamaForCausalLM):
    base_model_prefix = "none"


def test_a_model_without_a_base_model_is_refused() -> None:
    register_packed_attention()
    config = LlamaConfig(**SMALL)
    config._attn_implementation = PACKED_ATTENTION
    with pytest.raises(MftError, match=r"Inseparable.*as they are"):
        logit_form(Inseparable(config))
