"""`mft export`: one standalone model that computes what the run's model does, or no folder at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from test_saving import finished, logits, plain_logits
from tiny_models import ADAPTERS
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel

from mft_core.errors import MftError, UsageError
from mft_core.export import export_run
from mft_core.testing.random_models import relative_difference


@pytest.mark.parametrize("method", ["lora", "full"])
@pytest.mark.parametrize("architecture", ["qwen2", "gpt_bigcode", "gpt_neox"])
def test_the_exported_model_is_the_tuned_one(architecture: str, method: str, tmp_path: Path) -> None:
    tuned = finished(architecture, method, tmp_path / "base", tmp_path / "run")
    made = export_run(tmp_path / "run", tmp_path / "out", ADAPTERS.items())
    exported = AutoModelForCausalLM.from_pretrained(made.folder)
    assert relative_difference(logits(exported), logits(tuned)) < 1e-5
    assert made.reload_difference < 1e-6
    assert made.merge_difference < 1e-5
    assert made.parameters == exported.num_parameters()
    assert made.dtype == "float32"
    assert len(AutoTokenizer.from_pretrained(made.folder)) == 2048
    assert not list(made.folder.glob("adapter*"))


def test_plain_transformers_needs_neither_us_nor_the_base(tmp_path: Path) -> None:
    tuned = finished("llama", "lora", tmp_path / "base", tmp_path / "run")
    export_run(tmp_path / "run", tmp_path / "out", ADAPTERS.items())
    (tmp_path / "base").rename(tmp_path / "gone")
    (found,) = plain_logits(tmp_path / "out")
    assert relative_difference(found, logits(tuned)) < 1e-5
    assert "mft_packed" not in (tmp_path / "out" / "config.json").read_text()


def test_the_dtype_can_be_chosen(tmp_path: Path) -> None:
    finished("llama", "lora", tmp_path / "base", tmp_path / "run")
    made = export_run(tmp_path / "run", tmp_path / "out", ADAPTERS.items(), torch.bfloat16)
    assert AutoModelForCausalLM.from_pretrained(made.folder).dtype == torch.bfloat16
    assert made.dtype == "bfloat16"


def test_an_existing_output_is_not_touched(tmp_path: Path) -> None:
    finished("llama", "lora", tmp_path / "base", tmp_path / "run")
    (tmp_path / "out").mkdir()
    export_run(tmp_path / "run", tmp_path / "out", ADAPTERS.items())
    before = (tmp_path / "out" / "config.json").read_bytes()
    with pytest.raises(UsageError, match="exists and is not empty"):
        export_run(tmp_path / "run", tmp_path / "out", ADAPTERS.items())
    assert (tmp_path / "out" / "config.json").read_bytes() == before


def test_a_result_that_reloads_differently_is_no_success(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As with a class whose configuration does not say everything it computes."""
    finished("llama", "lora", tmp_path / "base", tmp_path / "run")
    save = PreTrainedModel.save_pretrained

    def forgetful(model: Any, folder: Path, **options: Any) -> None:
        save(model, folder, **options)
        config = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps({**config, "rms_norm_eps": 1.0}))

    monkeypatch.setattr(PreTrainedModel, "save_pretrained", forgetful)
    with pytest.raises(MftError, match="computes other logits when loaded again"):
        export_run(tmp_path / "run", tmp_path / "out", ADAPTERS.items())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["base", "run"]
