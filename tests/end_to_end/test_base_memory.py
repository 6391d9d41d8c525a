"""No rank of a sharded run holds a whole copy of a base whose files are as it is trained; of another, that is told."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
import torch
from accelerate import Accelerator

from helpers.command_worker import run_all
from helpers.forked_processes import run_to_its_end
from helpers.memory_worker import measure_ranks
from helpers.running import arguments, events, settings
from mft_core.models.loading import load_base
from mft_core.models.mapped_weights import whole_copy_warning
from mft_core.models.quantization import Quantization
from mft_core.testing.tuned_models import tuned_model
from mft_core.training.sharding import shard
from mft_llama.adapter import Llama

RANKS, MEBIBYTE = 4, 2**20
FIXED = 48 * MEBIBYTE
"""For what a rank needs whatever the size of its base: libraries imported late, a micro-batch, adapters."""
FLAGS = settings(
    "tune.rank=1", "train.steps=1", "train.micro_batch_size=1", "train.batch_size=4",
    "train.gradient_checkpointing=true",
)  # fmt: skip


def stored_base(folder: Path, dtype: torch.dtype, layers: int = 20) -> int:
    """A random model of many layers, saved in a dtype; the number of its weights."""
    from transformers import LlamaConfig, LlamaForCausalLM

    sizes = {"hidden_size": 512, "intermediate_size": 1536, "num_hidden_layers": layers, "vocab_size": 512}
    model = LlamaForCausalLM(LlamaConfig(**sizes, num_attention_heads=8, num_key_value_heads=8))
    model.to(dtype).save_pretrained(folder, max_shard_size="100MB")
    return model.num_parameters()


def taken_by_ranks(work: Callable[[], object], folder: Path) -> list[int]:
    """What each of the ranks takes at most, in bytes of its own."""
    run_to_its_end(partial(measure_ranks, RANKS, work, folder))
    return [int((folder / str(rank)).read_text(encoding="utf-8")) for rank in range(RANKS)]


@pytest.mark.parametrize("stored", [torch.float32, torch.bfloat16], ids=str)
def test_what_each_rank_of_a_sharded_run_takes(data: Path, tmp_path: Path, stored: torch.dtype) -> None:
    """From its start to its end, training included: a whole copy alone where its files are not as it is trained."""
    whole = 4 * stored_base(tmp_path / "base", stored)
    assert whole > 200 * MEBIBYTE
    command = [*arguments(data, tmp_path / "run", "--base", str(tmp_path / "base")), *FLAGS]
    taken = taken_by_ranks(partial(run_all, [[*command, *settings("train.sharding=full")]]), tmp_path)
    told = [event for event in events(tmp_path / "run", "warning") if "each process holds" in event["message"]]
    if stored == torch.float32:
        assert max(taken) < whole / RANKS + 0.2 * whole + FIXED, [size // MEBIBYTE for size in taken]
        assert not told
    else:
        assert min(taken) > whole, [size // MEBIBYTE for size in taken]
        assert len(told) == 1


def load_and_spread(folder: Path) -> None:
    """As a QLoRA run does before its first step."""
    accelerator, cpu = Accelerator(cpu=True), torch.device("cpu")
    base = load_base(Llama(), folder, torch.float32, quantization=Quantization(), device=cpu, spread=True)
    assert whole_copy_warning(base) == ""
    shard(tuned_model(base, method="qlora", rank=1), accelerator)


def test_no_rank_holds_all_weights_in_four_bits_before_they_are_spread(tmp_path: Path) -> None:
    """Whatever dtype the files have. While it trains, the small layers that a test has room for take less than Python
    takes for them; what is left of each is in test_four_bits_on_ranks.py."""
    whole = stored_base(tmp_path / "base", torch.bfloat16, layers=60) * 4.127 / 8
    assert whole > 100 * MEBIBYTE
    taken = taken_by_ranks(partial(load_and_spread, tmp_path / "base"), tmp_path)
    assert max(taken) < whole / RANKS + 0.2 * whole + FIXED, [size // MEBIBYTE for size in taken]
