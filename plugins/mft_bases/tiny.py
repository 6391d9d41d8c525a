"""A tiny random model of the chosen family with the small bundled tokenizer."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from mft_bases.storing import stored
from mft_core.errors import UsageError
from mft_core.interfaces import Base, BaseRequest

if TYPE_CHECKING:
    from transformers import PreTrainedConfig, PreTrainedTokenizerBase

TOKENIZER = Path(__file__).parent / "tokenizer"
SEED = 0
WEIGHT_SCALE = 0.06
"""Standard deviation of the weights. With the usual 0.02 a frozen head hardly lets LoRA lower the loss at all."""


class Tiny(Base):
    """Untrained weights, the same ones every time: everything runs for real, nothing useful comes out."""

    random_weights = True

    def fetch(self, reference: str, request: BaseRequest) -> Path:
        """The random model of `request.adapter`, made on first use.

        Raises:
            UsageError: no model family is chosen, or there is something behind "tiny:".
        """
        if reference not in ("", "tiny"):
            raise UsageError(f"--base tiny takes nothing behind it, not {reference!r}.")
        if request.adapter is None:
            raise UsageError(
                "--base tiny makes a model of the family you choose, and none is chosen.",
                "Choose one, such as --model llama; `mft list model` shows them.",
            )
        from transformers import AutoTokenizer

        tokenizer = AutoTokenizer.from_pretrained(TOKENIZER)
        config = request.adapter.tiny_config(len(tokenizer))
        config.initializer_range = WEIGHT_SCALE
        for name in ("bos_token_id", "eos_token_id", "pad_token_id"):
            setattr(config, name, getattr(tokenizer, name))
        made_of = config.to_json_string(use_diff=False) + (TOKENIZER / "tokenizer.json").read_text(encoding="utf-8")
        digest = hashlib.sha256(made_of.encode()).hexdigest()[:12]
        name = request.adapter_name.replace("/", "-")
        return stored(request.cache / f"tiny-{name}-{digest}", lambda folder: _make(config, tokenizer, folder))


def _make(config: PreTrainedConfig, tokenizer: PreTrainedTokenizerBase, folder: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    with torch.random.fork_rng():
        torch.manual_seed(SEED)
        model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
