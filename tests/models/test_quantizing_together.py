"""Processes of a machine quantise a base together: tests/end_to_end/test_base_memory.py measures what each takes."""

from __future__ import annotations

import errno
import os
from functools import partial
from pathlib import Path

import pytest
import torch
from bitsandbytes.functional import dequantize_4bit
from safetensors.torch import load_file, save_file

from helpers.forked_processes import run_to_its_end
from helpers.forked_ranks import run_on_ranks
from helpers.paths import CHECKPOINTS
from helpers.tiny_models import ADAPTERS, adapter_of, write_checkpoint
from mft_core.errors import MftError
from mft_core.models.checkpoints.config import read_config
from mft_core.models.loading import load_base
from mft_core.models.mapped_weights import held_bytes
from mft_core.models.packed_linear import PackedForm, PackedLinear4bit
from mft_core.models.quantization import Quantization, four_bit_layers
from mft_core.models.recognition import recognize_adapter
from mft_core.testing.random_models import logits_alone, random_ids

KINDS = [Quantization(), Quantization("fp4", False)]


def spread_base(architecture: str, folder: Path, quantization: Quantization = KINDS[0]) -> torch.nn.Module:
    """As a rank of a sharded run loads it."""
    cpu = torch.device("cpu")
    return load_base(
        adapter_of(architecture), folder, torch.float32, quantization=quantization, device=cpu, spread=True
    )


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(folder))
    return folder


@pytest.mark.parametrize("quantization", KINDS, ids=str)
@pytest.mark.parametrize("architecture", ["llama", "gpt_bigcode"])
def test_a_base_that_is_loaded_to_be_spread_is_the_same_and_held_by_files(
    architecture: str, quantization: Quantization, tmp_path: Path, temporary: Path
) -> None:
    folder, ids = write_checkpoint(architecture, tmp_path / "base"), random_ids(9)
    whole = load_base(adapter_of(architecture), folder, torch.float32, quantization=quantization)
    model = spread_base(architecture, folder, quantization)
    layers = four_bit_layers(model)
    assert layers.keys() == four_bit_layers(whole).keys() != set()
    assert all(isinstance(layer, PackedLinear4bit) for layer in layers.values())
    assert all(held_bytes(torch.nn.ParameterList([layer.packed])) == 0 for layer in layers.values())
    assert torch.equal(logits_alone(model, ids), logits_alone(whole, ids))
    assert list(temporary.iterdir()) == []


def load_as_a_rank(folder: Path) -> None:
    """What each rank has, and how much of it that rank has quantised: FOLDER/<rank>."""
    own: list[str] = []
    fill = PackedForm.fill
    PackedForm.fill = lambda form, vector, weight: own.append(form) or fill(form, vector, weight)
    layers = four_bit_layers(spread_base("llama", folder / "base"))
    found = {name: layer.packed.detach().view(torch.uint8).clone() for name, layer in layers.items()}
    save_file({**found, "own": torch.tensor(len(own))}, folder / os.environ["RANK"])


@pytest.mark.parametrize("machines", [1, 2])
def test_each_weight_is_quantised_once_on_a_machine(tmp_path: Path, temporary: Path, machines: int) -> None:
    write_checkpoint("llama", tmp_path / "base")
    run_to_its_end(partial(run_on_ranks, 4, partial(load_as_a_rank, tmp_path), machines))
    ranks = [load_file(tmp_path / str(rank)) for rank in range(4)]
    shares = [int(rank.pop("own")) for rank in ranks]
    assert sum(shares) == machines * len(ranks[0])
    assert max(shares) < len(ranks[0])
    torch.testing.assert_close(ranks[1:], [ranks[0]] * 3, rtol=0, atol=0)
    assert all(vector.any() for vector in ranks[0].values())
    assert list(temporary.iterdir()) == []


def test_a_full_disk_is_told_before_anything_is_written(
    tmp_path: Path, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.posix_fallocate", full)
    write_checkpoint("llama", tmp_path / "base")
    with pytest.raises(MftError, match=r"do not fit into .*temporary: No space left on device") as caught:
        spread_base("llama", tmp_path / "base")
    assert "TMPDIR" in caught.value.hint
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("name", ["chatglm3", "glm10b"])
def test_published_formats_are_quantised_while_they_are_converted(name: str) -> None:
    folder, cpu = CHECKPOINTS / name, torch.device("cpu")
    if not folder.is_dir():
        pytest.skip("../shared is absent")
    adapter = ADAPTERS[recognize_adapter(ADAPTERS.items(), read_config(folder))]
    expected, found = (
        {name: dequantize_4bit(layer.weight.data, layer.weight.quant_state) for name, layer in layers.items()}
        for layers in (
            four_bit_layers(load_base(adapter, folder, torch.float32, quantization=KINDS[0], device=cpu, spread=spread))
            for spread in (False, True)
        )
    )
    assert found
    torch.testing.assert_close(found, expected, rtol=0, atol=0)
