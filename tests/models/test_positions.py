"""Learnt positions end; others go on."""

from __future__ import annotations

import pytest
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    OPTConfig,
    OPTForCausalLM,
    PreTrainedConfig,
)

from mft_core.models.positions import known_positions, learnt_positions, with_samples_within
from mft_core.recipe.schema import Recipe

POSITIONS = 128


def test_known_positions_are_those_of_the_config() -> None:
    assert known_positions(LlamaConfig(max_position_embeddings=POSITIONS)) == POSITIONS
    assert known_positions(PreTrainedConfig()) is None


def test_rotary_positions_have_no_table() -> None:
    sizes = {"hidden_size": 64, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2}
    model = LlamaForCausalLM(LlamaConfig(vocab_size=POSITIONS, max_position_embeddings=POSITIONS, **sizes))
    assert learnt_positions(model) is None


def test_a_table_has_as_many_positions_as_its_config_says() -> None:
    gpt2 = GPT2LMHeadModel(GPT2Config(vocab_size=50, n_embd=16, n_layer=1, n_head=2, n_positions=POSITIONS))
    assert learnt_positions(gpt2) == POSITIONS
    sizes = {"hidden_size": 16, "word_embed_proj_dim": 16, "ffn_dim": 16, "num_hidden_layers": 1}
    opt = OPTForCausalLM(OPTConfig(vocab_size=50, num_attention_heads=2, max_position_embeddings=POSITIONS, **sizes))
    assert learnt_positions(opt) == POSITIONS, "its table has two rows more"


@pytest.mark.parametrize(("limit", "expected"), [(None, 512), (4096, 512), (512, 512), (100, 100)])
def test_samples_are_no_longer_than_the_table(limit: int | None, expected: int) -> None:
    recipe = Recipe().having("data", max_length=512)
    assert with_samples_within(recipe, limit).data.max_length == expected
    prepared = recipe.having("data", prepared="/somewhere")
    assert with_samples_within(prepared, limit) == prepared
