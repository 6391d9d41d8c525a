"""Tiny models of any kind, taken through what a run does with them."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.tiny_models import ADAPTERS
from mft_auto.adapter import Auto
from mft_core.run.model_trial import try_model
from mft_core.testing.tuned_models import tuner_of

ALL = [*ADAPTERS.items(), ("auto", Auto())]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model_type", "adapter", "result", "said"),
    [
        ("llama", "llama", "packed", ""),
        ("deepseek_v3", "deepseek", "packed", ""),
        ("gpt2", "auto", "packed", ""),
        ("olmo2", "auto", "packed", ""),
        ("granite", "auto", "packed", ""),
        ("opt", "auto", "packed", ""),
        ("gpt_oss", "auto", "packed", ""),
        ("bloom", "auto", "padded", "cannot run on packed rows"),
        ("falcon", "auto", "padded", "change each other's logits"),
        ("mamba", "auto", "padded", "cannot run on packed rows"),
        ("bert", "auto", "refused", "not made of its last hidden states as they are"),
        ("bart", "", "refused", "encoder-decoder"),
        ("gemma3", "", "refused", "This Gemma"),
        ("fuyu", "auto", "untried", "parameters"),
    ],
)
def test_every_kind_ends_with_a_result_and_its_reason(
    model_type: str, adapter: str, result: str, said: str, tmp_path: Path
) -> None:
    found = try_model(model_type, ALL, tuner_of(rank=4), tmp_path)
    assert (found.model_type, found.adapter, found.result) == (model_type, adapter, result), found.reason
    assert said in found.reason
    assert bool(found.reason) == bool(said)


@pytest.mark.slow
def test_a_model_that_a_step_raises_on_fails_with_the_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from transformers import Olmo2ForCausalLM

    def forward(self, *args, **kwargs):
        raise KeyError("no such thing")

    monkeypatch.setattr(Olmo2ForCausalLM, "forward", forward)
    found = try_model("olmo2", ALL, tuner_of(rank=4), tmp_path)
    assert found.result == "failed"
    assert found.reason == "testing its rows: KeyError: 'no such thing'"
