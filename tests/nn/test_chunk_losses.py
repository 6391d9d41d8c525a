"""Which implementation of a chunk's losses is used."""

from __future__ import annotations

import logging
import sys
from importlib.util import find_spec

import pytest
import torch

from mft_core.nn.chunk_losses import TorchLosses, chunk_losses, triton_works
from mft_core.nn.half_precision import HALVES
from mft_core.nn.logit_form import LogitForm

DTYPES = (torch.float32, *HALVES)
needs_triton = pytest.mark.skipif(find_spec("triton") is None, reason="triton is not installed")


@pytest.mark.parametrize("dtype", [torch.float64, *DTYPES], ids=str)
def test_a_cpu_uses_torch(dtype) -> None:
    assert isinstance(chunk_losses(LogitForm(), None, 61, torch.zeros(1, dtype=dtype)), TorchLosses)


@pytest.mark.parametrize("installed", [False, pytest.param(True, marks=needs_triton)])
def test_where_triton_does_not_work_it_is_said_once(installed, monkeypatch, caplog) -> None:
    """With Triton, since it has no driver for a CPU; without, as where it is not installed."""
    triton_works.cache_clear()
    monkeypatch.delitem(sys.modules, "mft_core.nn.chunk_losses_triton", raising=False)
    if not installed:
        monkeypatch.setitem(sys.modules, "triton", None)
    kind = (torch.device("cpu"), torch.bfloat16, 61, LogitForm(), False)
    with caplog.at_level(logging.WARNING):
        assert [triton_works(*kind), triton_works(*kind)] == [False, False]
    (record,) = caplog.records
    assert "left to PyTorch's operations" in record.getMessage()
    assert ("import of triton" in record.getMessage()) != installed
    triton_works.cache_clear()
