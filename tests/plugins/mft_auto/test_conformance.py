"""The conformance kit on the general adapter, by architectures that no family claims."""

from __future__ import annotations

from transformers import BloomConfig, GPT2Config, PreTrainedConfig

from mft_auto.adapter import Auto
from mft_core.models.adapter import NO_TOKEN_IDS
from mft_core.models.tiny_config import tiny_native_config
from mft_core.testing import ModelAdapterTests
from mft_core.testing.random_models import VOCABULARY


class TestOlmo2(ModelAdapterTests):
    component = Auto


class TestGPT2(ModelAdapterTests):
    """Every linear layer is a Conv1D, positions are learnt."""

    component = Auto

    def config(self) -> PreTrainedConfig:
        no_dropout = {"resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0}
        return GPT2Config(vocab_size=VOCABULARY, n_embd=64, n_layer=2, n_head=4, **no_dropout, **NO_TOKEN_IDS)


class TestGranite(ModelAdapterTests):
    """Scales its embeddings, its attention, its residuals and its logits."""

    component = Auto

    def config(self) -> PreTrainedConfig:
        return tiny_native_config("granite", VOCABULARY)


class TestBloom(ModelAdapterTests):
    component = Auto
    cannot = {
        "packing": "ALiBi by an attention of its own, which knows no documents",
        "left-padding": "a row of nothing but padding is not a number in float64",
    }

    def config(self) -> PreTrainedConfig:
        return BloomConfig(vocab_size=VOCABULARY, hidden_size=64, n_layer=2, n_head=4, **NO_TOKEN_IDS)
