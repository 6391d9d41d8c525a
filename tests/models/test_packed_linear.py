"""A layer in four bits whose bytes are one vector is bitsandbytes' own, bit by bit."""

from __future__ import annotations

import pytest
import torch
from bitsandbytes.nn import Linear4bit, Params4bit
from torch import nn

from mft_core.models.packed_linear import PackedForm, quant_tables, use_packed
from mft_core.models.quantization import CODE_BYTES, DOUBLE_CODE_BYTES, Quantization, parameter_counts

KINDS = [Quantization(), Quantization("nf4", False), Quantization("fp4", True), Quantization("fp4", False)]
OUT, IN = 301, 64
"""Of more blocks than share a scale under double quantisation, and no multiple of four."""


def stock_layer(quantization: Quantization, dtype: torch.dtype = torch.float32) -> Linear4bit:
    """bitsandbytes', of random values, with a bias."""
    torch.manual_seed(3)
    kind = {"compress_statistics": quantization.double_quant, "quant_type": quantization.quant_type}
    layer = Linear4bit(IN, OUT, compute_dtype=dtype, **kind)
    layer.weight = Params4bit(torch.randn(OUT, IN, dtype=dtype), requires_grad=False, module=layer, **kind).to("cpu")
    layer.bias.data = torch.randn(OUT, dtype=dtype)
    layer.support_avx512bf16_for_cpu = False
    return layer


def packed_layer(quantization: Quantization, dtype: torch.dtype = torch.float32) -> Linear4bit:
    """The same, packed."""
    layer = stock_layer(quantization, dtype)
    form = PackedForm(torch.Size((OUT, IN)), quantization, dtype)
    vector = torch.empty(form.size)
    form.fill(vector, layer.weight)
    use_packed(layer, form, vector, quant_tables(quantization))
    return layer


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
@pytest.mark.parametrize("quantization", KINDS, ids=str)
def test_it_computes_and_passes_gradients_on_as_the_stock_layer(quantization: Quantization, dtype: torch.dtype) -> None:
    found = []
    for layer in (stock_layer(quantization, dtype), packed_layer(quantization, dtype)):
        given = torch.randn(5, IN, generator=torch.Generator().manual_seed(1)).to(dtype).requires_grad_()
        result = layer(given)
        result.square().sum().backward()
        found.append((result, given.grad))
    torch.testing.assert_close(found[1], found[0], rtol=0, atol=0)


@pytest.mark.parametrize("quantization", KINDS, ids=str)
def test_the_vector_holds_all_but_tables_and_is_the_only_parameter_but_the_bias(quantization: Quantization) -> None:
    layer = packed_layer(quantization)
    assert {name: tuple(held.shape) for name, held in layer.named_parameters()} == {
        "bias": (OUT,), "packed": (layer.form.size,),
    }  # fmt: skip
    assert not layer.packed.requires_grad
    tables = CODE_BYTES + (DOUBLE_CODE_BYTES - 4 if quantization.double_quant else 0)
    assert sum(table.nbytes for table in layer.buffers()) == tables
    assert 0 <= layer.packed.nbytes + tables - quantization.stored_bytes(OUT * IN) < 4
    assert parameter_counts(layer) == (OUT * IN + OUT, OUT)
    assert parameter_counts(nn.Linear(2, 3)) == (9, 9)


def test_its_weight_is_a_view() -> None:
    """So that what is gathered into the vector is what is computed with."""
    layer, other = packed_layer(KINDS[0]), stock_layer(KINDS[0])
    weight = layer.weight
    with torch.no_grad():
        layer.packed.view(torch.uint8).zero_()
    assert not weight.any()
    assert not weight.quant_state.absmax.any()
    assert weight.quant_state.offset == 0 != other.weight.quant_state.offset
    layer.weight = layer.weight.to("cpu")
    with pytest.raises(AttributeError, match="no weight but a view"):
        layer.weight = other.weight
