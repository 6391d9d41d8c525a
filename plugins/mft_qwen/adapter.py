"""Qwen: 1.5 and later as transformers has them natively, v1 converted."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mft_core.interfaces import ModelAdapter
from mft_core.models.adapter import TINY_SIZES
from mft_core.models.checkpoints.refusals import differing, refuse
from mft_qwen.first_version import QwenV1

if TYPE_CHECKING:
    from transformers import PreTrainedConfig

    from mft_core.models.tokenizers.family import TokenizerFamily
    from mft_core.nn.router_loss import RouterLoss

CHATML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>\n' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


class Qwen(ModelAdapter):
    """Llama's shape with biased query, key and value (v1 to 2.5) or normalised query and key (3); ChatML.

    Of the mixtures of experts, LoRA tunes attention and the shared expert's gate; experts and routers stay.
    """

    lora_targets = (
        *("q_proj", "k_proj", "v_proj", "o_proj"),
        *("gate_proj", "up_proj", "down_proj"),
        "shared_expert_gate",
    )
    chat_template = CHATML
    native_types = ("qwen2", "qwen3", "qwen2_moe", "qwen3_moe")
    formats = (QwenV1(),)

    def check_supported(self, config: Mapping[str, Any]) -> None:
        """Refuse windows in the first MoE, whose native layers do not tell the attention of theirs.

        Raises:
            MftError: as in `ModelAdapter`.
        """
        super().check_supported(config)
        if config["model_type"] == "qwen2_moe":
            refuse("qwen2_moe checkpoint", differing(config, {"use_sliding_window": False}))

    def tiny_config(self, vocabulary_size: int) -> PreTrainedConfig:
        """A Qwen2 of two layers of width 64, two key-value heads for four heads."""
        from transformers import Qwen2Config

        return Qwen2Config(vocab_size=vocabulary_size, num_key_value_heads=2, **TINY_SIZES)

    def router_loss(self, config: PreTrainedConfig) -> RouterLoss | None:
        """Of the mixtures of experts, with the coefficient in the checkpoint's configuration."""
        from mft_core.nn.router_loss import RouterLoss

        if config.model_type not in ("qwen2_moe", "qwen3_moe"):
            return None
        return RouterLoss(config.router_aux_loss_coef, config.num_experts, config.num_experts_per_tok)

    def tokenizer_family(self, folder: Path) -> TokenizerFamily:
        """Qwen v1's, the only one without a tokenizer.json."""
        from mft_qwen.tokenizer import QWEN_V1

        return QWEN_V1

    def recognizes_tokenizer(self, folder: Path) -> bool:
        """Qwen v1's file has a name of its own."""
        from mft_qwen.tokenizer import FILE

        return (folder / FILE).is_file()
