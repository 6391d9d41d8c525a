"""No rank of a sharded run holds a whole copy of a base whose files are as it is trained; of another, that is told."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
import torch

from helpers.forked_processes import run_to_its_end
from helpers.memory_worker import measure_ranks
from helpers.running import arguments, events, settings

RANKS, MEBIBYTE = 4, 2**20
FIXED = 48 * MEBIBYTE
"""For what a rank needs whatever the size of its base: libraries imported late, a micro-batch, adapters."""
FLAGS = settings(
    "tune.rank=1", "train.steps=1", "train.micro_batch_size=1", "train.batch_size=4",
    "train.gradient_checkpointing=true",
)  # fmt: skip


def stored_base(folder: Path, dtype: torch.dtype) -> int:
    """A random model of many layers, saved in a dtype; its bytes in float32."""
    from transformers import LlamaConfig, LlamaForCausalLM

    sizes = {"hidden_size": 512, "intermediate_size": 1536, "num_hidden_layers": 20, "vocab_size": 512}
    model = LlamaForCausalLM(LlamaConfig(**sizes, num_attention_heads=8, num_key_value_heads=8))
    size = sum(parameter.nbytes for parameter in model.float().parameters())
    model.to(dtype).save_pretrained(folder, max_shard_size="100MB")
    return size


@pytest.mark.parametrize("stored", [torch.float32, torch.bfloat16], ids=str)
def test_what_each_rank_of_a_sharded_run_takes(data: Path, tmp_path: Path, stored: torch.dtype) -> None:
    """From its start to its end, training included: a whole copy alone where its files are not as it is trained."""
    whole = stored_base(tmp_path / "base", stored)
    assert whole > 200 * MEBIBYTE
    command = [*arguments(data, tmp_path / "run", "--base", str(tmp_path / "base")), *FLAGS]
    run_to_its_end(partial(measure_ranks, RANKS, [*command, *settings("train.sharding=full")], tmp_path))
    taken = [int((tmp_path / str(rank)).read_text(encoding="utf-8")) for rank in range(RANKS)]
    told = [event for event in events(tmp_path / "run", "warning") if "each process holds" in event["message"]]
    if stored == torch.float32:
        assert max(taken) < whole / RANKS + 0.2 * whole + FIXED, [size // MEBIBYTE for size in taken]
        assert not told
    else:
        assert min(taken) > whole, [size // MEBIBYTE for size in taken]
        assert len(told) == 1
