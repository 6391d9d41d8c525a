"""What a rank of a sharded run is expected to have is what ranks have."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
import torch
from accelerate import Accelerator

from helpers.forked_processes import run_to_its_end
from helpers.forked_ranks import run_on_ranks
from helpers.tiny_models import write_checkpoint
from mft_core.models.building import build_empty
from mft_core.models.loading import load_base
from mft_core.models.quantization import four_bit_layers
from mft_core.run.held_bytes import LAYERS, HeldBytes
from mft_core.testing.tuned_models import tuned_model, tuner_of
from mft_core.training.sharding import decoder_layers, own_parameters, shard
from mft_llama.adapter import Llama


def compare(folder: Path, method: str) -> None:
    """On a rank: what it has of each parameter between steps, with what was expected of it."""
    accelerator, adapter, cpu = Accelerator(cpu=True), Llama(), torch.device("cpu")
    ranks, quantization = accelerator.num_processes, tuner_of(method=method).quantization()
    empty = build_empty(adapter.load_config(folder), torch.float32)
    expected = HeldBytes(empty, quantization, ranks)
    base = load_base(adapter, folder, torch.float32, quantization=quantization, device=cpu, spread=True)
    model = shard(tuned_model(base, method=method), accelerator)
    # A rank of uneven shards has a row less than the first one has.
    found = sum(parameter.to_local().nbytes for _, parameter in own_parameters(model))
    found += sum(table.nbytes for layer in four_bit_layers(model).values() for table in layer.buffers(recurse=False))
    adapters = [parameter for name, parameter in own_parameters(model) if ".lora_" in name]
    found -= sum(parameter.to_local().nbytes for parameter in adapters)
    wanted = sum(map(expected.part, empty.parameters()))
    assert wanted == pytest.approx(found, rel=0.01)
    assert wanted < 0.6 * sum(map(HeldBytes(empty, quantization, 1).part, empty.parameters()))
    assert sum(map(expected.part, adapters)) > 0 or method == "full"


@pytest.mark.slow
@pytest.mark.parametrize("method", ["lora", "qlora", "full"])
def test_a_rank_has_what_it_was_expected_to_have(method: str, tmp_path: Path) -> None:
    write_checkpoint("llama", tmp_path)
    run_to_its_end(partial(run_on_ranks, 2, partial(compare, tmp_path, method)))


def test_what_is_whole_for_a_while_is_all_but_layers_and_some_of_these(tmp_path: Path) -> None:
    empty = build_empty(Llama().load_config(write_checkpoint("llama", tmp_path)), torch.float32)
    held = HeldBytes(empty, None, 2)
    layer = sum(parameter.nbytes for parameter in decoder_layers(empty)[0].parameters())
    everything = sum(parameter.nbytes for parameter in empty.parameters())
    outside = everything - len(decoder_layers(empty)) * layer
    assert held.gathered(empty) == outside + LAYERS * layer + max(outside, layer)
    assert held.gathered(empty.requires_grad_(False)) == outside + LAYERS * layer
    assert HeldBytes(empty, None, 1).gathered(empty) == held.workspace == 0
