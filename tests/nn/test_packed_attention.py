"""Packed attention itself; the conformance kit asks every architecture whether documents in a row are as if alone."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, GptOssConfig, PreTrainedConfig

from helpers.attention import by_definition, causal, random_model, states
from helpers.tiny_models import SMALL, WINDOW, load_tiny
from mft_core.errors import MftError
from mft_core.nn.packed_attention import (
    PACKED_ATTENTION,
    PackedDocuments,
    packed_attention,
    packed_inputs,
    padded_inputs,
)
from mft_core.testing.packed_texts import DOCUMENTS, WIDTH
from mft_core.testing.random_models import TOLERANCE, random_ids, relative_difference

LAYER = SimpleNamespace(is_causal=True)
SINKS = torch.tensor([0.5, -1.0, 2.0, 0.0], dtype=torch.float64)
SLOPES = torch.tensor([0.5, 0.25, 0.125, 1.0], dtype=torch.float64)
FORMS: dict[str, dict[str, Any]] = {
    "plain": {},
    "window": {"sliding_window": 4},
    "softcap": {"softcap": 1.5},
    "sinks": {"s_aux": SINKS},
    "alibi": {"alibi_slopes": SLOPES},
    "softcap in a window": {"softcap": 1.5, "sliding_window": 4},
    "sinks in a window": {"s_aux": SINKS, "sliding_window": 4},
    "alibi in a window": {"alibi_slopes": SLOPES, "sliding_window": 4},
}


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("key_value_heads", [1, 2, 4])
@pytest.mark.parametrize("form", FORMS)
def test_each_document_is_its_own_causal_attention_and_so_are_its_gradients(
    form: str, key_value_heads: int, dtype: torch.dtype
) -> None:
    """Values are narrower than queries and keys, as in latent attention."""
    inputs = [states(4, dtype=dtype), states(key_value_heads, dtype=dtype), states(key_value_heads, 6, dtype)]
    inputs = [tensor.requires_grad_() for tensor in inputs]
    options = dict(FORMS[form])
    output, weights = packed_attention(
        LAYER, *inputs, None, documents=PackedDocuments(DOCUMENTS), scaling=0.3, **options
    )
    assert weights is None
    assert output.shape == (2, WIDTH, 4, 6)
    assert not output[0, 18:].any()
    weigh = torch.randn(output.shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64).to(dtype)
    gradients = torch.autograd.grad((output * weigh).sum(), inputs)
    window = options.pop("sliding_window", None)
    alone = torch.zeros_like(output)
    for row, start, end in DOCUMENTS:
        parts = (tensor[row, :, start:end] for tensor in inputs)
        alone[row, start:end] = by_definition(*parts, causal(end - start, window), 0.3, **options).transpose(0, 1)
    assert relative_difference(output, alone) < TOLERANCE[dtype]
    for gradient, expected in zip(gradients, torch.autograd.grad((alone * weigh).sum(), inputs), strict=True):
        assert relative_difference(gradient, expected) < TOLERANCE[dtype]


def test_sinks_learn() -> None:
    sinks = SINKS.clone().requires_grad_()
    output, _ = packed_attention(LAYER, *[states(4)] * 3, None, documents=PackedDocuments(DOCUMENTS), s_aux=sinks)
    (packed,) = torch.autograd.grad(output.square().sum(), sinks)
    alone = [
        by_definition(*[states(4)[row, :, start:end]] * 3, causal(end - start), 8**-0.5, s_aux=sinks).square().sum()
        for row, start, end in DOCUMENTS
    ]
    torch.testing.assert_close(packed, *torch.autograd.grad(torch.stack(alone).sum(), sinks))


@pytest.mark.parametrize("form", ["softcap", "sinks", "alibi"])
@pytest.mark.parametrize("queries", [1, 3, WIDTH])
def test_without_documents_the_mask_counts(form: str, queries: int) -> None:
    """A left-padded row beside a full one, as generation with a cache runs them: the last queries on all keys."""
    query, key, value = states(4)[:, :, -queries:], states(2), states(2, 6)
    mask = causal(WIDTH)[-queries:].repeat(2, 1, 1, 1)
    mask[0, ..., :5] = False
    floats = torch.zeros(mask.shape, dtype=torch.float64).masked_fill(~mask, torch.finfo(torch.float64).min)
    found, _ = packed_attention(LAYER, query, key, value, mask, scaling=0.3, **FORMS[form])
    assert torch.equal(packed_attention(LAYER, query, key, value, floats, scaling=0.3, **FORMS[form])[0], found)
    for row, padding in ((0, 5), (1, 0)):
        real = slice(max(0, padding - WIDTH + queries), None)
        expected = by_definition(query[row], key[row], value[row], mask[row, 0], 0.3, **FORMS[form]).transpose(0, 1)
        torch.testing.assert_close(found[row, real], expected[real], rtol=1e-10, atol=1e-10)
    assert found.isfinite().all()


@pytest.mark.parametrize("form", ["softcap", "sinks", "alibi"])
def test_without_documents_and_mask_it_is_causal_from_the_first_key_on(form: str) -> None:
    """As transformers means it: behind the queries, keys are a static cache's empty places."""
    found, _ = packed_attention(LAYER, states(4)[:, :, :5], states(4), states(4), None, **FORMS[form])
    alone, _ = packed_attention(LAYER, *[states(4)[:, :, :5]] * 3, None, **FORMS[form])
    assert torch.equal(found, alone)
    one, _ = packed_attention(LAYER, states(4)[:, :, -1:], states(4), states(4), None, **FORMS[form])
    every, _ = packed_attention(LAYER, *[states(4)] * 3, None, **FORMS[form])
    torch.testing.assert_close(one[:, 0], every[:, -1])


def test_half_precision_is_computed_in_float32_on_a_cpu() -> None:
    for options in ({}, {"softcap": 1.5}, {"alibi_slopes": SLOPES}):
        halves = [states(4, dtype=torch.bfloat16) for _ in range(3)]
        output, _ = packed_attention(LAYER, *halves, None, documents=PackedDocuments(DOCUMENTS), **options)
        floats = [half.float() for half in halves]
        exact, _ = packed_attention(LAYER, *floats, None, documents=PackedDocuments(DOCUMENTS), **options)
        assert output.dtype == torch.bfloat16
        assert torch.equal(output, exact.bfloat16())


@pytest.mark.parametrize("options", [{}, {"softcap": 30.0}, {"alibi_slopes": SLOPES}], ids=str)
def test_dropout_is_passed_on(options: dict[str, Any]) -> None:
    outputs = []
    for seed in (0, 0, 1):
        torch.manual_seed(seed)
        documents = PackedDocuments(DOCUMENTS)
        outputs.append(packed_attention(LAYER, *[states(4)] * 3, None, dropout=0.5, documents=documents, **options)[0])
    assert torch.equal(outputs[0], outputs[1])
    assert not torch.allclose(outputs[0], outputs[2])


@pytest.mark.parametrize("documents", [[(0, 0, 5), (0, 4, 9)], [(0, 3, WIDTH + 1)], [(2, 0, 5)], [(0, 5, 5)]], ids=str)
def test_impossible_documents_are_refused(documents: list[tuple[int, int, int]]) -> None:
    with pytest.raises(ValueError, match="overlaps another one or lies outside"):
        packed_attention(LAYER, *[states(2)] * 3, None, documents=PackedDocuments(documents))


@pytest.mark.parametrize("wish", [{"position_bias": torch.zeros(1)}, {"is_causal": False}], ids=str)
def test_what_it_cannot_compute_is_refused(wish: dict[str, object]) -> None:
    with pytest.raises(MftError, match="which packed attention does not have"):
        packed_attention(LAYER, *[states(2)] * 3, None, documents=PackedDocuments(DOCUMENTS), **wish)


def sinks_config() -> PreTrainedConfig:
    return GptOssConfig(**SMALL, head_dim=16, num_local_experts=4, sliding_window=WINDOW, initializer_range=0.2)


@pytest.mark.parametrize("architecture", ["starcoder2", "gemma2", "gpt_oss"])
def test_one_document_is_as_transformers_own_eager_attention_has_it(architecture: str, tmp_path: Path) -> None:
    """Windows; soft-capped scores; sinks. Longer than the window."""
    if architecture == "gpt_oss":
        random_model(sinks_config()).save_pretrained(tmp_path)
        model = AutoModelForCausalLM.from_pretrained(tmp_path, attn_implementation=PACKED_ATTENTION)
    else:
        model = load_tiny(architecture, tmp_path)
    own = AutoModelForCausalLM.from_pretrained(tmp_path, dtype=torch.float32, attn_implementation="eager")
    length = 3 * WINDOW
    ids, positions = random_ids(1, length), torch.arange(length)[None]
    expected = own(input_ids=ids, use_cache=False).logits
    packed = model(input_ids=ids, position_ids=positions, **packed_inputs([(0, 0, length)])).logits
    assert relative_difference(packed, expected) < 1e-5
    assert relative_difference(model(input_ids=ids, use_cache=False).logits, expected) < 1e-5


def test_a_window_matters(tmp_path: Path) -> None:
    model = load_tiny("starcoder2", tmp_path)
    inputs = {"input_ids": random_ids(1, 3 * WINDOW), "position_ids": torch.arange(3 * WINDOW)[None]}
    windowed = model(**inputs, **packed_inputs([(0, 0, 3 * WINDOW)])).logits
    model.config.sliding_window = None
    assert relative_difference(windowed, model(**inputs, **packed_inputs([(0, 0, 3 * WINDOW)])).logits) > 1e-2


def test_without_documents_it_is_transformers_own(tmp_path: Path) -> None:
    model = load_tiny("llama", tmp_path)
    own = AutoModelForCausalLM.from_pretrained(tmp_path, attn_implementation="sdpa", dtype=torch.float32)
    ids = random_ids(2, 9)
    mask = torch.ones_like(ids)
    mask[0, :4] = 0
    left_padded = {"input_ids": ids, "attention_mask": mask}
    assert torch.equal(model(**left_padded).logits[:, 4:], own(**left_padded).logits[:, 4:])


def test_a_row_of_padding_alone_has_one_token_to_see(tmp_path: Path) -> None:
    real = torch.tensor([[True, True, False], [False, False, False]])
    inputs = padded_inputs(real)
    assert inputs["attention_mask"].tolist() == [[1, 1, 0], [1, 0, 0]]
    assert load_tiny("llama", tmp_path)(input_ids=random_ids(2, 3), **inputs).logits.isfinite().all()


def test_a_layer_that_chooses_among_earlier_tokens_is_refused_packed_or_not() -> None:
    heads = states(4)
    for documents in (None, PackedDocuments(DOCUMENTS)):
        packed_attention(LAYER, heads, heads, heads, None, documents=documents, indices=None)
        with pytest.raises(MftError, match="chooses among earlier tokens"):
            packed_attention(LAYER, heads, heads, heads, None, documents=documents, indices=torch.zeros(1))
