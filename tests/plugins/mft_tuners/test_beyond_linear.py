"""LoRA beside experts' fused weights, and modules trained whole beside LoRA."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

from helpers.finished_runs import interrupted
from helpers.running import arguments, events, largest_difference, mft, settings, weights, write_tasks
from helpers.tiny_models import ADAPTERS, SMALL, load_tiny
from mft_bases.tiny import TOKENIZER
from mft_core.errors import UsageError
from mft_core.recipe.loading import load_recipe
from mft_core.recipe.schema import Recipe
from mft_core.testing.packed_texts import TEXTS, WIDTH, loss_and_gradients, move_weights, packed_logits
from mft_core.testing.random_models import logits_alone, random_ids, relative_difference
from mft_core.testing.tuned_models import save_tuned, tuned_model, tuner_of
from mft_core.tuning.export import export_run
from mft_core.tuning.finished import load_run

WHOLE: dict[str, Any] = {"rank": 4, "modules_to_save": ["embed_tokens", "lm_head"]}
MIXTURES = ("mixtral", "qwen2_moe", "deepseek_v2")


@pytest.mark.parametrize("architecture", MIXTURES)
def test_experts_are_adapted_packed_as_alone_saved_and_merged(architecture: str, tmp_path: Path) -> None:
    tuned = tuned_model(load_tiny(architecture, tmp_path / "base"), rank=4, experts=True)
    move_weights(tuned)
    _, gradients = loss_and_gradients(tuned)
    of_experts = {name for name in gradients if ".experts." in name}
    assert of_experts
    assert all(gradients[name].abs().max() > 0 for name in of_experts)
    ids = random_ids(2, WIDTH)
    with torch.inference_mode():
        packed = packed_logits(tuned.eval(), ids)
        for row, start, end in TEXTS:
            assert relative_difference(packed[row, start:end], logits_alone(tuned, ids[row, start:end])) < 1e-5
        expected = logits_alone(tuned, ids[0])
        save_tuned(tuned, AutoTokenizer.from_pretrained(TOKENIZER), tmp_path / "run" / "final", rank=4, experts=True)
        loaded, _ = load_run(tmp_path / "run", ADAPTERS.items())
        assert relative_difference(logits_alone(loaded, ids[0]), expected) < 1e-5
        export_run(tmp_path / "run", tmp_path / "out", ADAPTERS.items())
        merged, _ = load_run(tmp_path / "out", ADAPTERS.items())
        assert relative_difference(logits_alone(merged, ids[0]), expected) < 1e-4


@pytest.mark.parametrize(
    ("options", "recipe", "reason"),
    [
        ({"experts": True, "dropout": 0.1}, {}, r"does not go with tune\.dropout = 0\.1"),
        ({"experts": True, "dora": True}, {}, r"does not go with tune\.dora"),
        ({"experts": True, "init": "pissa"}, {}, r"does not go with tune\.init = 'pissa'"),
        ({"experts": True}, {"train.sharding": "full"}, r'does not go with train\.sharding = "full"'),
        ({"experts": True}, {"train.sharding": "hybrid"}, r'does not go with train\.sharding = "hybrid"'),
        ({"modules_to_save": ["lm_head"], "init": "olora"}, {}, r"'olora' does not go with tune\.modules_to_save"),
    ],
    ids=str,
)
def test_what_does_not_go_together_is_refused_beforehand(
    options: dict[str, Any], recipe: dict[str, Any], reason: str
) -> None:
    with pytest.raises(UsageError, match=reason):
        tuner_of(**options).check(load_recipe(None, list(recipe.items())))
    tuner_of().check(Recipe())


def test_what_a_model_does_not_have_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="has no experts whose weights are fused"):
        tuned_model(load_tiny("llama", tmp_path), experts=True)
    with pytest.raises(UsageError, match="this model has no module 'embed_token'") as caught:
        tuned_model(load_tiny("llama", tmp_path), modules_to_save=["embed_token"])
    assert "embed_tokens" in caught.value.hint
    with pytest.raises(UsageError, match="LoRA adapts 'q_proj' already"):
        tuned_model(load_tiny("llama", tmp_path), modules_to_save=["q_proj"])
    with pytest.raises(UsageError, match="in bfloat16 small steps are rounded away"):
        tuned_model(load_tiny("llama", tmp_path, torch.bfloat16), modules_to_save=["lm_head"])
    with pytest.raises(UsageError, match=r"not tune\.modules_to_save"):
        tuner_of(**WHOLE).check_combining()


@pytest.mark.slow
def test_a_run_trains_them_whole_resumes_and_is_exported(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, base = write_tasks(tmp_path / "data", {"add": 12, "copy": 4}), tmp_path / "base"
    config = LlamaConfig(**{**SMALL, "vocab_size": 2048}, tie_word_embeddings=True)
    LlamaForCausalLM(config).save_pretrained(base)
    AutoTokenizer.from_pretrained(TOKENIZER).save_pretrained(base)
    whole = settings("tune.rank=4", 'tune.modules_to_save=["embed_tokens", "lm_head"]', "train.save_every=2")
    command = ("--base", str(base), "--steps", "4", *whole, "--set", "train.learning_rate=0.01")
    assert mft(*arguments(data, tmp_path / "whole", *command)) == 0, capsys.readouterr().err
    first, *_, last = (event["loss"] for event in events(tmp_path / "whole", "eval"))
    assert last < first
    saved = weights(tmp_path / "whole")
    assert {name for name in saved if ".lora_" not in name} == {
        "base_model.model.lm_head.weight",
        "base_model.model.model.embed_tokens.weight",
    }
    resumed = interrupted(tmp_path / "whole", tmp_path / "resumed")
    assert mft("run", "--resume", "--output", str(resumed)) == 0
    assert largest_difference(weights(resumed), saved) == 0
    assert mft("export", str(resumed), "--output", str(tmp_path / "out")) == 0, capsys.readouterr().err
