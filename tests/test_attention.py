"""Packed attention itself; the conformance kit asks every architecture whether documents in a row are as if alone."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from tiny_models import WINDOW, load_tiny
from torch.nn.functional import scaled_dot_product_attention
from transformers import AutoModelForCausalLM

from mft_core.attention import check_packing, packed_attention, packed_inputs
from mft_core.errors import MftError
from mft_core.testing.model_adapters import DOCUMENTS, WIDTH
from mft_core.testing.random_models import VOCABULARY, random_ids, relative_difference

LAYER = SimpleNamespace(is_causal=True)


def test_a_windowed_document_is_as_transformers_computes_it(tmp_path: Path) -> None:
    model = load_tiny("starcoder2", tmp_path, torch.float64)
    own = AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.float64, attn_implementation="eager")
    ids = random_ids(1, 3 * WINDOW)
    positions = torch.arange(3 * WINDOW)[None]
    packed = model(input_ids=ids, position_ids=positions, **packed_inputs([(0, 0, 3 * WINDOW)])).logits
    # transformers' eager softmax is float32 whatever the model's dtype is
    assert relative_difference(packed, own(input_ids=ids, use_cache=False).logits) < 1e-5
    model.config.sliding_window = None
    unlimited = model(input_ids=ids, position_ids=positions, **packed_inputs([(0, 0, 3 * WINDOW)])).logits
    assert relative_difference(packed, unlimited) > 1e-2


@pytest.mark.parametrize("architecture", ["llama", "gpt_bigcode", "starcoder2"])
def test_self_test_finds_no_fault_here_and_finds_a_leak_elsewhere(architecture: str, tmp_path: Path) -> None:
    model = load_tiny(architecture, tmp_path).train()
    assert check_packing(model, VOCABULARY) < 1e-5
    assert model.training
    leaking = AutoModelForCausalLM.from_pretrained(tmp_path, attn_implementation="sdpa", dtype=torch.float32)
    assert check_packing(leaking, VOCABULARY) > 1e-2


def states(heads: int, rows: int = 2, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    generator = torch.Generator().manual_seed(heads)
    return torch.randn(rows, heads, WIDTH, 8, generator=generator, dtype=torch.float64).to(dtype)


@pytest.mark.parametrize("key_value_heads", [1, 2, 4])
def test_each_document_is_causal_attention_and_gaps_are_zero(key_value_heads: int) -> None:
    query, key, value = states(4), states(key_value_heads), states(key_value_heads) * 2
    output, weights = packed_attention(LAYER, query, key, value, None, documents=DOCUMENTS, scaling=0.3)
    assert weights is None
    assert output.shape == (2, WIDTH, 4, 8)
    key, value = (tensor.repeat_interleave(4 // key_value_heads, 1) for tensor in (key, value))
    for row, start, end in DOCUMENTS:
        parts = (tensor[row : row + 1, :, start:end] for tensor in (query, key, value))
        alone = scaled_dot_product_attention(*parts, is_causal=True, scale=0.3)[0].transpose(0, 1)
        torch.testing.assert_close(output[row, start:end], alone, rtol=1e-12, atol=1e-12)
    assert not output[0, 18:].any()


def test_half_precision_is_computed_in_float32_on_a_cpu() -> None:
    halves = [states(2, dtype=torch.bfloat16) for _ in range(3)]
    output, _ = packed_attention(LAYER, *halves, None, documents=DOCUMENTS)
    exact, _ = packed_attention(LAYER, *(half.float() for half in halves), None, documents=DOCUMENTS)
    assert output.dtype == torch.bfloat16
    assert torch.equal(output, exact.bfloat16())


def test_dropout_is_passed_on() -> None:
    outputs = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        outputs.append(packed_attention(LAYER, *[states(2)] * 3, None, dropout=0.5, documents=DOCUMENTS)[0])
    assert torch.equal(outputs[0], outputs[1])
    assert not torch.allclose(outputs[0], outputs[2])


def test_without_documents_it_is_transformers_own(tmp_path: Path) -> None:
    model = load_tiny("llama", tmp_path)
    own = AutoModelForCausalLM.from_pretrained(tmp_path, attn_implementation="sdpa", dtype=torch.float32)
    ids = random_ids(2, 9)
    mask = torch.ones_like(ids)
    mask[0, :4] = 0
    left_padded = {"input_ids": ids, "attention_mask": mask}
    assert torch.equal(model(**left_padded).logits[:, 4:], own(**left_padded).logits[:, 4:])


@pytest.mark.parametrize("documents", [[(0, 0, 5), (0, 4, 9)], [(0, 3, WIDTH + 1)], [(2, 0, 5)], [(0, 5, 5)]], ids=str)
def test_impossible_documents_are_refused(documents: list[tuple[int, int, int]]) -> None:
    with pytest.raises(ValueError, match="overlaps another one or lies outside"):
        packed_attention(LAYER, *[states(2)] * 3, None, documents=documents)


@pytest.mark.parametrize("wish", [{"softcap": 30.0}, {"s_aux": torch.zeros(2)}, {"is_causal": False}], ids=str)
def test_what_it_cannot_compute_is_refused(wish: dict[str, object]) -> None:
    with pytest.raises(MftError, match="which packed attention does not have"):
        packed_attention(LAYER, *[states(2)] * 3, None, documents=DOCUMENTS, **wish)
