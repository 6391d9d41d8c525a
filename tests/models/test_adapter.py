"""What a model family gets by naming its types."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

import pytest
import torch
from transformers import LlamaConfig, PreTrainedConfig

from helpers.checkpoints import edit_config
from helpers.tiny_models import write_checkpoint
from mft_core.errors import MftError
from mft_core.models.adapter import NO_TOKEN_IDS, TINY_SIZES, ModelAdapter
from mft_core.models.checkpoints.config import read_config


class Plain(ModelAdapter):
    """A family without anything of its own."""

    lora_targets: ClassVar[tuple[str, ...]] = ("q_proj",)
    native_types: ClassVar[tuple[str, ...]] = ("llama",)

    def tiny_config(self, vocabulary_size: int) -> PreTrainedConfig:
        return LlamaConfig(vocab_size=vocabulary_size, **TINY_SIZES, **NO_TOKEN_IDS)


def test_it_is_recognised_by_its_types_alone() -> None:
    plain = Plain()
    assert plain.recognizes({"model_type": "llama", "architectures": ["Anything"]})
    assert not plain.recognizes({"model_type": "mistral"})
    assert not plain.recognizes({})
    assert plain.format_of({"model_type": "llama"}) is None


def test_a_native_checkpoint_is_transformers_own(tmp_path: Path) -> None:
    write_checkpoint("llama", tmp_path)
    config = read_config(tmp_path)
    native_config = Plain().native_config(config, tmp_path)
    assert native_config.to_dict() == Plain().load_config(tmp_path).to_dict()
    model = Plain().load_model(tmp_path, config, native_config, torch.float64, "sdpa")
    assert type(model).__name__ == "LlamaForCausalLM"
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float64}
    assert Plain().router_loss(model.config) is None
    before = {name: parameter.clone() for name, parameter in model.named_parameters()}
    Plain().prepare_full_tuning(model, tmp_path)
    assert all(torch.equal(parameter, before[name]) for name, parameter in model.named_parameters())


def test_weights_that_are_quantised_already_are_refused() -> None:
    with pytest.raises(MftError, match="quanti"):
        Plain().check_supported({"model_type": "llama", "quantization_config": {"quant_method": "gptq", "bits": 4}})
    Plain().check_supported({"model_type": "llama"})


def test_a_configuration_that_makes_no_model_is_named(tmp_path: Path) -> None:
    write_checkpoint("llama", tmp_path)
    assert Plain().load_config(tmp_path).model_type == "llama"
    edit_config(tmp_path, hidden_size="wide")
    with pytest.raises(MftError, match=r"config\.json makes no model"):
        Plain().load_config(tmp_path)


class Named(ModelAdapter):
    """A family of which nothing is said but its types."""

    native_types: ClassVar[tuple[str, ...]] = ("olmo2", "olmo3")


def test_a_familys_types_are_enough() -> None:
    config = Named().tiny_config(300)
    assert (config.model_type, config.vocab_size, config.hidden_size) == ("olmo2", 300, 64)
    assert Named().lora_targets == ()
    assert not Named().general
