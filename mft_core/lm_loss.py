"""Per-token cross-entropy of a causal language model, for supervised tokens only."""

from __future__ import annotations

import torch
from peft import PeftModel
from torch import nn
from torch.nn.functional import cross_entropy
from transformers import PreTrainedModel

from mft_core.attention import packed_inputs
from mft_core.records import IGNORED_LABEL, Batch, TokenLosses


class TokenLossModel(nn.Module):
    """A language model whose forward turns a batch into token losses; this is what DDP and FSDP wrap.

    The head runs on the supervised positions only, so logits of prompts and padding are never computed.

    Args:
        model: a transformers causal language model, or PEFT's wrapper around one.
    """

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, batch: Batch) -> TokenLosses:
        """Cross-entropy in float32 (float64 in a float64 model) of every supervised token, row by row."""
        language_model = self._language_model()
        hidden = language_model.base_model(
            input_ids=batch.input_ids,
            position_ids=batch.position_ids,
            **packed_inputs(batch.documents),
        ).last_hidden_state
        supervised = batch.labels != IGNORED_LABEL
        logits = language_model.get_output_embeddings()(hidden[supervised])
        if logits.dtype in (torch.bfloat16, torch.float16):
            logits = logits.float()
        sample = batch.sample_index[supervised]
        return TokenLosses(
            cross_entropy=cross_entropy(logits, batch.labels[supervised], reduction="none"),
            task=batch.sample_task[sample],
            sample=sample,
            sample_tokens=batch.sample_tokens[sample],
        )

    def _language_model(self) -> PreTrainedModel:
        """The transformers model inside any wrapper; PEFT puts its adapters into that model's own layers."""
        return self.model.get_base_model() if isinstance(self.model, PeftModel) else self.model
