"""`mft export`: one standalone model that computes what the run's model does, or no folder at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import PeftModel
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM, AutoTokenizer, PreTrainedModel

from helpers.finished_runs import finished, logits, plain_logits
from helpers.paths import CHECKPOINTS
from helpers.running import mft
from helpers.tiny_models import ADAPTERS, adapter_of, write_checkpoint
from mft_bases.tiny import TOKENIZER
from mft_core.errors import MftError, UsageError
from mft_core.models.checkpoints.config import read_config
from mft_core.models.loading import load_base
from mft_core.models.quantization import Quantization
from mft_core.models.recognition import recognize_adapter
from mft_core.testing.packed_texts import move_weights
from mft_core.testing.random_models import relative_difference
from mft_core.testing.tuned_models import save_tuned, tuned_model
from mft_core.tuning.export import export_run
from mft_core.tuning.finished import load_run


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


@pytest.mark.slow
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


def quantized_run(base: Path, run: Path) -> Any:
    """A QLoRA run as it leaves its result."""
    write_checkpoint("llama", base)
    model = load_base(adapter_of("llama"), base, torch.float32, quantization=Quantization())
    return saved(tuned_model(model, method="qlora", rank=4), run)


def saved(tuned: Any, run: Path) -> Any:
    """`tuned` with its adapters moved, as the result of a run."""
    move_weights(tuned)
    save_tuned(tuned, AutoTokenizer.from_pretrained(TOKENIZER), run / "final")
    return tuned


def weights_in(folder: Path) -> dict[str, torch.Tensor]:
    return {key: tensor for path in folder.glob("*.safetensors") for key, tensor in load_file(path).items()}


def test_a_quantised_run_merges_through_the_weights_it_was_trained_with(tmp_path: Path) -> None:
    tuned = quantized_run(tmp_path / "base", tmp_path / "run")
    made = export_run(tmp_path / "run", tmp_path / "out", ADAPTERS.items())
    exported = AutoModelForCausalLM.from_pretrained(tmp_path / "out")
    assert relative_difference(logits(exported), logits(tuned)) < 1e-5
    assert made.quantization == "nf4"
    assert made.merge_difference < 1e-5
    assert "quantization_config" not in read_config(tmp_path / "out")
    assert made.parameters == exported.num_parameters()


def test_an_adapter_stands_for_itself_and_names_its_base(tmp_path: Path) -> None:
    tuned = finished("gpt_neox", "lora", tmp_path / "base", tmp_path / "run")
    made = export_run(tmp_path / "run", tmp_path / "out", ADAPTERS.items(), format="adapter")
    assert json.loads((tmp_path / "out" / "adapter_config.json").read_text())["base_model_name_or_path"] == str(
        tmp_path / "base"
    )
    assert (made.reload_difference, made.merge_difference, made.dense_difference) == (0, 0, None)
    assert made.parameters == sum(p.numel() for p in tuned.parameters() if p.requires_grad)
    assert weights_in(tmp_path / "out").keys() == weights_in(tmp_path / "run" / "final").keys()
    assert len(AutoTokenizer.from_pretrained(tmp_path / "out")) == 2048


@pytest.mark.slow
def test_an_adapter_trained_beside_quantised_weights_says_what_it_is_on_dense_ones(tmp_path: Path) -> None:
    tuned = quantized_run(tmp_path / "base", tmp_path / "run")
    made = export_run(tmp_path / "run", tmp_path / "out", ADAPTERS.items(), format="adapter")
    dense = AutoModelForCausalLM.from_pretrained(tmp_path / "base", dtype=torch.float32)
    on_dense = logits(PeftModel.from_pretrained(dense, tmp_path / "out"))
    assert made.reload_difference == 0
    assert made.dense_difference is not None
    assert made.dense_difference > 1e-2
    assert relative_difference(on_dense, logits(tuned)) > 1e-2
    loaded, _ = load_run(tmp_path / "out", ADAPTERS.items())
    assert torch.equal(logits(loaded), logits(tuned))


@pytest.mark.parametrize("method", ["lora", "full"])
def test_the_original_format_of_a_native_base_is_its_own(method: str, tmp_path: Path) -> None:
    tuned = finished("qwen2", method, tmp_path / "base", tmp_path / "run")
    made = export_run(tmp_path / "run", tmp_path / "out", ADAPTERS.items(), format="original")
    base, written = weights_in(tmp_path / "base"), weights_in(tmp_path / "out")
    assert {key: (t.dtype, t.shape) for key, t in written.items()} == {k: (t.dtype, t.shape) for k, t in base.items()}
    unchanged = {key for key, tensor in base.items() if torch.equal(written[key], tensor)}
    assert (made.unchanged, made.changed) == (len(unchanged), len(base) - len(unchanged))
    if method == "lora":
        assert unchanged == {key for key in base if "proj.weight" not in key}
    found = logits(AutoModelForCausalLM.from_pretrained(tmp_path / "out", dtype=torch.float32))
    assert relative_difference(found, logits(tuned)) < 1e-5


@pytest.mark.slow
@pytest.mark.parametrize("quantization", [None, Quantization()], ids=["lora", "qlora"])
@pytest.mark.parametrize("name", ["qwen", "chatglm3", "baichuan7b_v2"])
def test_a_published_format_is_written_back(name: str, quantization: Quantization | None, tmp_path: Path) -> None:
    folder = CHECKPOINTS / name
    if not folder.is_dir():
        pytest.skip("../shared is absent")
    adapter = ADAPTERS[recognize_adapter(ADAPTERS.items(), read_config(folder))]
    model = load_base(adapter, folder, torch.float32, quantization=quantization)
    method = "qlora" if quantization else "lora"
    tuned = saved(tuned_model(model, method=method, rank=4, targets=["o_proj"]), tmp_path / "run")
    made = export_run(tmp_path / "run", tmp_path / "out", ADAPTERS.items(), format="original")
    assert read_config(tmp_path / "out") == read_config(folder)
    base, written = weights_in(folder), weights_in(tmp_path / "out")
    written = {key: written[key] for key in base if key in written}
    changed = {key for key in written if not torch.equal(base[key], written[key])}
    assert len(changed) == made.changed > 0
    assert made.quantization == ("nf4" if quantization else None)
    if not quantization:
        assert len(changed) == tuned.config.num_hidden_layers
    again = load_base(adapter, tmp_path / "out", torch.float32)
    assert relative_difference(logits(again), logits(tuned)) < 1e-5


def test_wrong_wishes_are_refused(tmp_path: Path) -> None:
    finished("llama", "full", tmp_path / "base", tmp_path / "run")
    for wish, reason in (
        ({"format": "gguf"}, "no export format 'gguf'"),
        ({"format": "adapter"}, "a whole model without an adapter"),
        ({"format": "original", "dtype": torch.bfloat16}, "has its own dtypes"),
    ):
        with pytest.raises(UsageError, match=reason):
            export_run(tmp_path / "run", tmp_path / "out", ADAPTERS.items(), **wish)
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_the_command_line_says_what_was_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    quantized_run(tmp_path / "base", tmp_path / "run")
    command = ("export", str(tmp_path / "run"), "--output")
    assert mft(*command, str(tmp_path / "one"), "--format", "original", "--json") == 0
    made = json.loads(capsys.readouterr().out)
    assert made["folder"] == str(tmp_path / "one")
    assert made["format"] == "original"
    assert made["unchanged"] + made["changed"] == len(weights_in(tmp_path / "base"))
    assert mft(*command, str(tmp_path / "two"), "--format", "adapter") == 0
    assert "trained beside nf4 weights" in capsys.readouterr().out
