"""No rank of a sharded run holds a whole copy of a base whose files are as it is trained; of another, that is told."""

from __future__ import annotations

from collections.abc import Sequence
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


def stored_base(folder: Path, dtype: torch.dtype, layers: int = 20, width: int = 512) -> int:
    """A random model of many layers, saved in a dtype; the number of its weights."""
    from transformers import LlamaConfig, LlamaForCausalLM

    sizes = {"hidden_size": width, "intermediate_size": 3 * width, "num_hidden_layers": layers, "vocab_size": 512}
    model = LlamaForCausalLM(LlamaConfig(**sizes, num_attention_heads=8, num_key_value_heads=8))
    model.to(dtype).save_pretrained(folder, max_shard_size="100MB")
    return model.num_parameters()


def taken_by_ranks(command: Sequence[str], folder: Path) -> list[int]:
    """What each of the ranks of a sharded run takes at most, in bytes of its own."""
    run_to_its_end(partial(measure_ranks, RANKS, [*command, *settings("train.sharding=full")], folder))
    return [int((folder / str(rank)).read_text(encoding="utf-8")) for rank in range(RANKS)]


@pytest.mark.parametrize("stored", [torch.float32, torch.bfloat16], ids=str)
def test_what_each_rank_of_a_sharded_run_takes(data: Path, tmp_path: Path, stored: torch.dtype) -> None:
    """From its start to its end, training included: a whole copy alone where its files are not as it is trained."""
    whole = 4 * stored_base(tmp_path / "base", stored)
    assert whole > 200 * MEBIBYTE
    command = [*arguments(data, tmp_path / "run", "--base", str(tmp_path / "base")), *FLAGS]
    taken = taken_by_ranks(command, tmp_path)
    told = [event for event in events(tmp_path / "run", "warning") if "each process holds" in event["message"]]
    if stored == torch.float32:
        assert max(taken) < whole / RANKS + 0.2 * whole + FIXED, [size // MEBIBYTE for size in taken]
        assert not told
    else:
        assert min(taken) > whole, [size // MEBIBYTE for size in taken]
        assert len(told) == 1


@pytest.mark.slow
def test_no_rank_ever_holds_all_weights_in_four_bits(data: Path, tmp_path: Path) -> None:
    """Of a base of many layers each takes hardly more than its part beside what it takes for one of few layers."""
    taken, whole = [], []
    for layers in (1, 17):
        folder = tmp_path / str(layers)
        whole.append(stored_base(folder / "base", torch.bfloat16, layers, width=768) * 4.127 / 8)
        command = [*arguments(data, folder / "run", "--base", str(folder / "base")), *FLAGS]
        taken.append(max(taken_by_ranks([*command, *settings("tune.method=qlora")], folder)))
        assert not events(folder / "run", "warning")
    more = whole[1] - whole[0]
    assert more > 50 * MEBIBYTE
    assert taken[1] - taken[0] < more / RANKS + 0.2 * more, [size // MEBIBYTE for size in (*taken, *whole)]
