"""Torch's compiler is imported when something of bitsandbytes is to be compiled, not before."""

from __future__ import annotations

import subprocess
import sys

import pytest

from mft_cli.compiling import deferred

PROGRAM = """
import sys, torch
from mft_cli.compiling import compile_when_called

compiled = []
def compile_now(function, **options):
    compiled.append((function.__name__, options))
    return function

torch.compile = compile_now
compile_when_called()
compile_when_called()
from bitsandbytes.backends.default import ops
assert torch.compile is compile_now and not compiled, compiled
assert "torch._inductor.compile_fx" not in sys.modules
codes, table = torch.tensor([0, 1, 1, 0], dtype=torch.uint8), torch.tensor([0.5, 1.0])
for _ in range(2):
    found = ops._dequantize_blockwise_compute(codes, torch.tensor([2.0]), table, 4, torch.float32)
    assert found.tolist() == [1.0, 2.0, 2.0, 1.0], found
assert compiled == [("_dequantize_blockwise_compute", {"dynamic": False})], compiled
"""


def test_bitsandbytes_compiles_what_is_called_when_it_is() -> None:
    pytest.importorskip("bitsandbytes")
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_what_cannot_be_compiled_says_so_at_every_call() -> None:
    """bitsandbytes catches that, and computes without."""

    def compile_now(function: object) -> None:
        raise RuntimeError("no compiler here")

    called = deferred(compile_now)(len)
    for _ in range(2):
        with pytest.raises(RuntimeError, match="no compiler here"):
            called([])
