"""Number formats."""

from __future__ import annotations

import pytest
import torch

from mft_core.errors import UsageError
from mft_core.models import precision
from mft_core.models.precision import automatic_dtype, resolve_dtype

CPU = torch.device("cpu")


@pytest.mark.parametrize("matrix_units", [False, True])
@pytest.mark.parametrize("vector_units", [False, True])
def test_an_automatic_dtype_is_bfloat16_where_the_processor_computes_in_it(
    vector_units: bool, matrix_units: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(precision, "automatic_dtype", automatic_dtype)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: vector_units)
    monkeypatch.setattr(torch.cpu, "_is_amx_tile_supported", lambda: matrix_units)
    assert resolve_dtype("auto", CPU) == (torch.bfloat16 if vector_units or matrix_units else torch.float32)
    assert resolve_dtype("auto", torch.device("mps")) == torch.float32
    assert resolve_dtype("float32", CPU) == torch.float32
    assert resolve_dtype("bfloat16", CPU) == torch.bfloat16


def test_dtypes() -> None:
    assert resolve_dtype("float64", CPU) == torch.float64
    with pytest.raises(UsageError, match="float16 needs a GPU"):
        resolve_dtype("float16", CPU)
    with pytest.raises(UsageError, match="no dtype 'float8'"):
        resolve_dtype("float8", CPU)
