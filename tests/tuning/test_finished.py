"""A finished run is found, checked to be on its own base, and loaded as it was trained."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from transformers import AutoTokenizer

from helpers.finished_runs import finished, logits
from helpers.tiny_models import ADAPTERS, config_of, write_checkpoint
from mft_bases.tiny import TOKENIZER
from mft_core.errors import MftError
from mft_core.tuning.finished import load_run


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("method", ["lora", "full"])
def test_a_finished_run_loads_again_bit_by_bit(method: str, dtype: torch.dtype, tmp_path: Path) -> None:
    model = finished("llama", method, tmp_path / "base", tmp_path / "run", dtype)
    loaded, tokenizer = load_run(tmp_path / "run", ADAPTERS.items())
    assert torch.equal(logits(loaded), logits(model))
    assert loaded.dtype == dtype
    assert not loaded.training
    assert len(tokenizer) == 2048
    from_final, _ = load_run(tmp_path / "run" / "final", ADAPTERS.items())
    assert torch.equal(logits(from_final), logits(model))


def test_an_adapter_on_another_base_is_refused(tmp_path: Path) -> None:
    finished("llama", "lora", tmp_path / "base", tmp_path / "run")
    moved = tmp_path / "moved"
    (tmp_path / "base").rename(moved)
    with pytest.raises(MftError, match="is not where it was"):
        load_run(tmp_path / "run", ADAPTERS.items())
    load_run(tmp_path / "run", ADAPTERS.items(), base=moved)
    write_checkpoint("llama", tmp_path / "base", seed=9)
    with pytest.raises(MftError, match="trained on other weights"):
        load_run(tmp_path / "run", ADAPTERS.items())


def test_a_run_without_result_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "run" / "checkpoints").mkdir(parents=True)
    with pytest.raises(MftError, match="holds no finished model"):
        load_run(tmp_path / "run", ADAPTERS.items())


def test_a_base_can_be_loaded_as_it_is(tmp_path: Path) -> None:
    write_checkpoint("llama", tmp_path)
    AutoTokenizer.from_pretrained(TOKENIZER).save_pretrained(tmp_path)
    model, tokenizer = load_run(tmp_path, ADAPTERS.items())
    assert model.dtype == torch.float64
    assert model.config.model_type == config_of("llama").model_type
    assert tokenizer.pad_token == "<pad>"
