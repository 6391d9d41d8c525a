"""The self-test before a run: packed where that is exact, else padded, else refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, BertConfig, GPTJConfig, LlamaConfig, LlamaForCausalLM, MptConfig

from helpers.attention import random_model
from helpers.tiny_models import SMALL, load_tiny
from mft_core.errors import MftError
from mft_core.nn.packed_attention import PACKED_ATTENTION, register_packed_attention
from mft_core.nn.packing_self_test import check_causality, check_packing, check_padding, packing_or_padding
from mft_core.testing.random_models import VOCABULARY, random_ids, relative_difference


@pytest.mark.parametrize("architecture", ["llama", "gpt_bigcode", "starcoder2"])
def test_self_test_finds_no_fault_here_and_finds_a_leak_elsewhere(architecture: str, tmp_path: Path) -> None:
    model = load_tiny(architecture, tmp_path).train()
    assert check_packing(model, VOCABULARY) < 1e-5
    assert model.training
    leaking = AutoModelForCausalLM.from_pretrained(tmp_path, attn_implementation="sdpa", dtype=torch.float32)
    assert check_packing(leaking, VOCABULARY) > 1e-2


def test_self_test_finds_a_leak_that_rounding_hides() -> None:
    """In a bfloat16 model whose context counts little, a leak changes logits by less than rounding might."""
    models = [random_model(LlamaConfig(**SMALL), torch.bfloat16, attention) for attention in (None, "sdpa")]
    for model in models:
        model.model.embed_tokens.weight.data *= 100
    sound, leaking = models
    ids, other = random_ids(1, 18), random_ids(1, 18, seed=3)
    other[:, 11:] = ids[:, 11:]
    logits, changed = (leaking(input_ids=text, use_cache=False).logits[:, 11:] for text in (ids, other))
    assert 0 < relative_difference(changed, logits) < 0.1
    assert check_packing(leaking, VOCABULARY) > 0.5
    assert check_packing(sound, VOCABULARY) < 0.1


def test_a_model_that_packs_is_packed(tmp_path: Path) -> None:
    test = packing_or_padding(load_tiny("llama", tmp_path), VOCABULARY, 1e-4)
    assert test.packed
    assert not test.reason


OLD = {
    "gptj": GPTJConfig(
        vocab_size=VOCABULARY, n_embd=64, n_layer=2, n_head=4, rotary_dim=8, bos_token_id=None, eos_token_id=None
    ),
    "mpt": MptConfig(vocab_size=VOCABULARY, d_model=64, n_layers=2, n_heads=4),
}


@pytest.mark.parametrize("architecture", OLD)
def test_a_model_that_does_not_pack_is_padded(architecture: str) -> None:
    """Architectures with attention of their own: rotary without transformers' interface, ALiBi of whole rows."""
    model = random_model(OLD[architecture])
    test = packing_or_padding(model, VOCABULARY, 1e-4)
    assert not test.packed
    assert type(model).__name__ in test.reason
    assert model.config._attn_implementation != PACKED_ATTENTION
    assert check_padding(model, VOCABULARY) < 1e-5


class MixingRows(LlamaForCausalLM):
    """Adds the first row's logits to every row's."""

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        output = super().forward(*args, **kwargs)
        output.logits = output.logits + output.logits[:1, :1]
        return output


def test_a_model_that_neither_packs_nor_pads_is_refused() -> None:
    register_packed_attention()
    torch.manual_seed(0)
    model = MixingRows._from_config(LlamaConfig(**SMALL, initializer_range=0.2), attn_implementation=PACKED_ATTENTION)
    with pytest.raises(MftError, match="and padding changes its logits as well"):
        packing_or_padding(model.eval(), VOCABULARY, 1e-4)


@pytest.mark.parametrize("decoder", [True, False])
def test_a_model_that_reads_ahead_is_found(decoder: bool) -> None:
    config = BertConfig(**{**SMALL, "num_key_value_heads": None}, is_decoder=decoder, initializer_range=0.2)
    model = AutoModelForCausalLM.from_config(config, attn_implementation="sdpa")
    change = check_causality(model.train(), VOCABULARY)
    assert model.training
    assert change < 1e-6 if decoder else change > 1e-2
