"""Packed attention itself; the conformance kit asks every architecture whether documents in a row are as if alone."""

from __future__ import annotations

import inspect
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch.nn.attention.varlen import varlen_attn
from transformers import (
    AutoModelForCausalLM,
    GPTJConfig,
    GptOssConfig,
    LlamaConfig,
    LlamaForCausalLM,
    MptConfig,
    PreTrainedConfig,
)

from helpers.tiny_models import SMALL, WINDOW, load_tiny
from mft_core.errors import MftError
from mft_core.nn.document_attention import Scoring, attend_by_bounds, attend_documents, lay_out, varlen_kernel
from mft_core.nn.packed_attention import (
    PACKED_ATTENTION,
    PackedDocuments,
    packed_attention,
    packed_inputs,
    padded_inputs,
    register_packed_attention,
    suitable_attention,
)
from mft_core.nn.packing_self_test import check_packing, check_padding, packing_or_padding
from mft_core.testing.model_adapters import DOCUMENTS, WIDTH
from mft_core.testing.random_models import TOLERANCE, VOCABULARY, random_ids, relative_difference

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


def states(heads: int, width: int = 8, dtype: torch.dtype = torch.float64, rows: int = 2) -> torch.Tensor:
    generator = torch.Generator().manual_seed(heads + width)
    return torch.randn(rows, heads, WIDTH, width, generator=generator, dtype=torch.float64).to(dtype)


def by_definition(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    visible: torch.Tensor,
    scale: float,
    softcap: float | None = None,
    s_aux: torch.Tensor | None = None,
    alibi_slopes: torch.Tensor | None = None,
) -> torch.Tensor:
    """[heads, Q, V] of one text, [heads, length, D], head by head; `visible` is bool [Q, K]."""
    group = len(query) // len(key)
    first = key.shape[1] - query.shape[1]
    distance = torch.arange(first, key.shape[1])[:, None] - torch.arange(key.shape[1])
    found = []
    for head in range(len(query)):
        scores = query[head] @ key[head // group].T * scale
        if softcap is not None:
            scores = softcap * torch.tanh(scores / softcap)
        if alibi_slopes is not None:
            scores = scores - alibi_slopes[head].to(scores) * distance
        powers = scores.exp() * visible
        absent = 0 if s_aux is None else s_aux[head].to(scores).exp()
        found.append(powers @ value[head // group] / (powers.sum(-1, keepdim=True) + absent))
    return torch.stack(found)


def causal(length: int, window: int | None = None) -> torch.Tensor:
    distance = torch.arange(length)[:, None] - torch.arange(length)
    return (distance >= 0) & (distance < (window or length))


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


def varlen_by_definition(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    cu_seq_q: torch.Tensor,
    cu_seq_k: torch.Tensor,
    max_q: int,
    max_k: int,
    **options: Any,
) -> torch.Tensor:
    """What torch documents of `varlen_attn`, and what its flash kernel demands of the arguments."""
    inspect.signature(varlen_attn).bind(query, key, value, cu_seq_q, cu_seq_k, max_q, max_k, **options)
    assert cu_seq_q.dtype == torch.int32
    assert cu_seq_q is cu_seq_k
    assert cu_seq_q.diff().min() > 0
    assert cu_seq_q.diff().max() == max_q == max_k
    assert cu_seq_q[-1] == len(query) == len(key) == len(value)
    assert query.shape[-1] == key.shape[-1] == value.shape[-1]
    assert query.shape[-1] % 8 == 0
    assert all(tensor.is_contiguous() for tensor in (query, key, value))
    assert options["enable_gqa"] == (query.shape[1] != key.shape[1])
    before, after = options["window_size"]
    assert after == 0
    pieces = []
    for start, end in pairwise(cu_seq_q.tolist()):
        parts = (tensor[start:end].transpose(0, 1) for tensor in (query, key, value))
        seen = causal(end - start, None if before == -1 else before + 1)
        pieces.append(by_definition(*parts, seen, options["scale"]).transpose(0, 1))
    return torch.cat(pieces)


@pytest.mark.parametrize("window", [None, 1, 4])
@pytest.mark.parametrize(("key_value_heads", "value_width"), [(4, 8), (2, 8), (4, 5)])
def test_a_variable_length_kernel_is_given_what_it_needs(
    key_value_heads: int, value_width: int, window: int | None
) -> None:
    layout = lay_out(DOCUMENTS, 2, WIDTH)
    inputs = [states(4, 6), states(key_value_heads, 6), states(key_value_heads, value_width)]
    scoring = Scoring(0.3, window=window)
    expected = attend_documents(*inputs, layout, scoring)
    lines = [tensor.transpose(1, 2).flatten(0, 1) for tensor in inputs]
    found = attend_by_bounds(*lines, layout, scoring, varlen_by_definition)
    torch.testing.assert_close(found.view_as(expected), expected, rtol=1e-12, atol=1e-12)
    assert layout.bounds(found.device) is layout.bounds(found.device)


def test_no_flash_kernel_on_a_cpu() -> None:
    half = states(4, dtype=torch.bfloat16)
    assert varlen_kernel(half, half, Scoring(1.0)) is None


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


def random_model(config: PreTrainedConfig, dtype: torch.dtype = torch.float32, attention: str | None = None) -> Any:
    register_packed_attention()
    torch.manual_seed(0)
    attention = attention or suitable_attention(config)
    return AutoModelForCausalLM.from_config(config, dtype=dtype, attn_implementation=attention).eval()


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


def test_a_row_of_padding_alone_has_one_token_to_see(tmp_path: Path) -> None:
    real = torch.tensor([[True, True, False], [False, False, False]])
    inputs = padded_inputs(real)
    assert inputs["attention_mask"].tolist() == [[1, 1, 0], [1, 0, 0]]
    assert load_tiny("llama", tmp_path)(input_ids=random_ids(2, 3), **inputs).logits.isfinite().all()
