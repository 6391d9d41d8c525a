"""Baichuan's original checkpoints, version 1 and 2, 7B and 13B.

Sources: the model code published with baichuan-inc/Baichuan-7B, -13B-Base, Baichuan2-7B-Base and -13B-Base;
arXiv 2309.10305. The 7B are Llama with fused query, key and value; the 13B have ALiBi instead of rotary positions.
Version 2 normalises the rows of its head.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from mft_core.models.checkpoints.folded_weights import train_raw
from mft_core.models.checkpoints.formats import CheckpointFormat, fused
from mft_core.models.checkpoints.weight_files import stored_tensor

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedConfig, PreTrainedModel
    from transformers.core_model_loading import WeightTransform

ARCHITECTURES = ("BaiChuanForCausalLM", "BaichuanForCausalLM")
SECOND_VOCABULARY = 125_696
HEAD = "lm_head.weight"


class Original(CheckpointFormat):
    """What all four have in common."""

    required = {"tie_word_embeddings": False, "rope_theta": 10000.0, "rope_scaling": None}
    ignored = (r"\.rotary_emb\.inv_freq$",)
    alibi: ClassVar[bool]
    normalises_head: ClassVar[bool]

    def recognizes(self, config: Mapping[str, Any]) -> bool:
        """The generation is told by the head's loss term or the vocabulary, the size by a limit to positions."""
        if config.get("model_type") != "baichuan" and not set(config.get("architectures") or ()) & set(ARCHITECTURES):
            return False
        second = "z_loss_weight" in config or config.get("vocab_size") == SECOND_VOCABULARY
        return (self.normalises_head, self.alibi) == (second, config.get("max_position_embeddings") is None)

    def refusals(self, config: Mapping[str, Any]) -> list[str]:
        """Also a configuration that does not tell which kind of positions it is of."""
        found = super().refusals(config)
        if self.alibi and config.get("model_max_length") is None:
            found.append("neither max_position_embeddings, as the 7B have, nor model_max_length, as the 13B have")
        return found

    def native_config(self, config: Mapping[str, Any]) -> PreTrainedConfig:
        """Llama's configuration, or that of Llama with ALiBi."""
        return self.native_class().config_class(
            vocab_size=config["vocab_size"],
            hidden_size=config["hidden_size"],
            intermediate_size=config["intermediate_size"],
            num_hidden_layers=config["num_hidden_layers"],
            num_attention_heads=config["num_attention_heads"],
            num_key_value_heads=config["num_attention_heads"],
            hidden_act=config.get("hidden_act", "silu"),
            max_position_embeddings=config.get("max_position_embeddings") or config.get("model_max_length", 4096),
            initializer_range=config.get("initializer_range", 0.02),
            rms_norm_eps=config.get("rms_norm_eps", 1e-6),
            rope_parameters={"rope_type": "default", "rope_theta": 10000.0},
            tie_word_embeddings=False,
            use_cache=config.get("use_cache", True),
            bos_token_id=config.get("bos_token_id", 1),
            eos_token_id=config.get("eos_token_id", 2),
            pad_token_id=config.get("pad_token_id", 0),
        )

    def native_class(self) -> type[PreTrainedModel]:
        """LlamaForCausalLM, or the same with ALiBi."""
        if self.alibi:
            from mft_baichuan.alibi import BaichuanAlibiForCausalLM

            return BaichuanAlibiForCausalLM
        from transformers import LlamaForCausalLM

        return LlamaForCausalLM

    def weights(self, config: Mapping[str, Any]) -> list[WeightTransform]:
        """One matrix for query, key and value; all other names are Llama's."""
        return [fused("self_attn.W_pack", *(f"self_attn.{part}_proj" for part in "qkv"))]

    def finish(self, model: PreTrainedModel) -> None:
        """Normalise the rows of version 2's head once, where the original does it in every forward."""
        from torch.nn.functional import normalize

        if self.normalises_head:
            model.lm_head.weight.data = normalize(model.lm_head.weight.data)

    def restored(self, key: str, converted: torch.Tensor, stored: torch.Tensor) -> torch.Tensor:
        """Version 2's head with its norms, unless it was trained: then with rows of norm 1, which computes the same."""
        from torch.nn.functional import normalize

        if not self.normalises_head or key != HEAD:
            return converted
        untouched = converted.equal(normalize(stored.to(converted)))
        return stored if untouched else converted

    def prepare_full_tuning(self, model: PreTrainedModel, folder: Path) -> None:
        """Train version 2's head as the original does: its rows before they are normalised."""
        if self.normalises_head:
            from mft_baichuan.row_norm import RowNorm

            train_raw(model.lm_head, "weight", RowNorm(), stored_tensor(folder, HEAD))


class First7B(Original):
    """Baichuan-7B: Llama."""

    name, alibi, normalises_head = "Baichuan 7B", False, False


class First13B(Original):
    """Baichuan-13B: ALiBi."""

    name, alibi, normalises_head = "Baichuan 13B", True, False


class Second7B(Original):
    """Baichuan2-7B: Llama, and a head of normalised rows."""

    name, alibi, normalises_head = "Baichuan 2 7B", False, True


class Second13B(Original):
    """Baichuan2-13B: ALiBi, and a head of normalised rows."""

    name, alibi, normalises_head = "Baichuan 2 13B", True, True
