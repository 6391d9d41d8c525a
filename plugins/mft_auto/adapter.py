"""The general adapter: a native `model_type` is enough."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mft_core.errors import MftError
from mft_core.interfaces import ModelAdapter
from mft_core.models.tiny_config import reaches, tiny_native_config

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedModel

    from mft_core.nn.packing_self_test import RowTest

TINY_TYPE = "olmo2"
"""What `--base tiny` is a model of; no bundled family's."""
CHOOSE = "mft trains causal language models: those that write a text from left to right."


class Auto(ModelAdapter):
    """Whatever transformers loads as a causal language model by itself; every linear layer but the head gets LoRA."""

    general = True

    def recognizes(self, config: Mapping[str, Any]) -> bool:
        """Whether transformers has a configuration class for it, of whatever kind of model."""
        from transformers import CONFIG_MAPPING

        return config.get("model_type") in CONFIG_MAPPING

    def check_supported(self, config: Mapping[str, Any]) -> None:
        """Refuse what is no causal language model.

        Raises:
            MftError: it is none, or as in `ModelAdapter`.
        """
        from transformers import CONFIG_MAPPING, MODEL_FOR_CAUSAL_LM_MAPPING

        super().check_supported(config)
        kind = config["model_type"]
        config_class = CONFIG_MAPPING[kind]
        if config.get("is_encoder_decoder", getattr(config_class, "is_encoder_decoder", False)):
            raise MftError(f"A {kind} checkpoint is an encoder-decoder, which mft does not train.", CHOOSE)
        if config_class not in MODEL_FOR_CAUSAL_LM_MAPPING:
            raise MftError(f"transformers has no causal language model of the type {kind!r}.", CHOOSE)

    def test_rows(self, model: PreTrainedModel, vocabulary_size: int, tolerance: float) -> RowTest:
        """Packed rows only where a small model of the same kind, whose tokens see no further than a few, has them too.

        Raises:
            MftError: tokens see later ones, as an encoder's do, or as in `ModelAdapter`.
        """
        from mft_auto.self_tests import packing_problem_within_reach, refuse_reading_ahead
        from mft_core.nn.packing_self_test import RowTest

        refuse_reading_ahead(model, vocabulary_size)
        test = super().test_rows(model, vocabulary_size, tolerance)
        problem = packing_problem_within_reach(model) if test.packed and reaches(model.config) else ""
        return RowTest(packed=False, reason=problem) if problem else test

    def tiny_config(self, vocabulary_size: int) -> PreTrainedConfig:
        """An OLMo 2 of two layers of width 64."""
        return tiny_native_config(TINY_TYPE, vocabulary_size)
