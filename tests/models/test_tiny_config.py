"""Small configurations of architectures that nobody has written one for."""

from __future__ import annotations

import pytest
import torch

from mft_core.errors import MftError
from mft_core.models.building import build_empty
from mft_core.models.tiny_config import reaches, short_sighted_twin, tiny_native_config, usual_config

VOCABULARY = 300
NAMES = ("gpt2", "olmo2", "granite", "opt", "bloom", "mamba", "gpt_oss", "jamba", "glm4_moe", "falcon_h1", "nemotron")


@pytest.mark.parametrize("model_type", NAMES)
def test_sizes_are_small_by_whatever_names_they_have(model_type: str) -> None:
    config = tiny_native_config(model_type, VOCABULARY)
    assert config.vocab_size == VOCABULARY
    assert config.hidden_size == 64
    assert build_empty(config, torch.float32).num_parameters() < 1_000_000
    assert not any(value for key, value in config.to_dict().items() if "drop" in key and isinstance(value, float))


def test_there_is_a_layer_of_every_kind() -> None:
    usual, tiny = usual_config("qwen3_next")["layer_types"], tiny_native_config("qwen3_next", VOCABULARY).layer_types
    assert set(tiny) == set(usual)
    assert len(tiny) < len(usual)


def test_what_is_not_to_be_had_is_named() -> None:
    with pytest.raises(MftError, match="no model_type 'unheard-of'"):
        tiny_native_config("unheard-of", VOCABULARY)
    with pytest.raises(MftError, match="No small t5 can be made"):
        tiny_native_config("t5", VOCABULARY)


def test_a_twin_sees_a_few_tokens_where_the_model_sees_some_number() -> None:
    config = tiny_native_config("cohere2", VOCABULARY)
    assert reaches(config)
    assert config.sliding_window > 1000
    twin = short_sighted_twin(config, 64)
    assert (twin.sliding_window, twin.vocab_size) == (4, 64)
    assert set(twin.layer_types) == set(config.layer_types)
    assert not reaches(tiny_native_config("olmo2", VOCABULARY))


def test_a_twin_has_the_models_own_switches() -> None:
    config = tiny_native_config("smollm3", VOCABULARY)
    config.use_sliding_window = not config.use_sliding_window
    assert short_sighted_twin(config, 64).use_sliding_window is config.use_sliding_window
