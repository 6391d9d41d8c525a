"""What the general adapter asks of a model that nobody has looked at, beyond what is asked of every model."""

from __future__ import annotations

import torch
from transformers import AutoModelForCausalLM, PreTrainedModel

from mft_core.errors import MftError
from mft_core.models.tiny_config import short_sighted_twin
from mft_core.nn.packed_attention import PACKED_ATTENTION
from mft_core.nn.packing_self_test import check_causality, check_packing

MOST_CHANGE, MOST_ROUNDINGS = 1e-3, 8
"""Of logits, relative to the largest, that is rounding; in half precision as many units of it."""
VOCABULARY, LENGTH = 128, 12
WEIGHT_SCALE = 0.1
"""Standard deviation of a twin's weights: enough for attention to matter to every logit."""


def refuse_reading_ahead(model: PreTrainedModel, vocabulary_size: int) -> None:
    """Refuse a model whose tokens see later ones.

    Args:
        vocabulary_size: token ids are drawn below it.

    Raises:
        MftError: they do.
    """
    change = check_causality(model, vocabulary_size)
    if not change <= max(MOST_CHANGE, MOST_ROUNDINGS * torch.finfo(model.dtype).eps):
        raise MftError(
            f"{type(model).__name__} with this config.json is no causal language model: later tokens change what it "
            f"makes of earlier ones ({change:.2g}).",
            'An encoder such as BERT is one only with "is_decoder": true.',
        )


def packing_problem_within_reach(model: PreTrainedModel) -> str:
    """Why a model that sees a limited number of tokens is not exact on packed rows beyond it; "": it is.

    The self-test's texts are shorter than such a limit, so it is made on a small random twin with a limit of a few
    tokens: attention that is told of the limit by a mask only, or chooses among the tokens of a row, differs there.
    """
    name = type(model).__name__
    try:
        packed, own = (_twin(model, attention) for attention in (PACKED_ATTENTION, "eager"))
        text = torch.arange(LENGTH)[None]
        with torch.inference_mode():
            expected = own(input_ids=text, use_cache=False).logits
            found = packed(input_ids=text, use_cache=False).logits
        difference = max(
            check_packing(packed, VOCABULARY), float((found - expected).abs().max() / expected.abs().max())
        )
    except Exception as error:  # noqa: BLE001 - what an unknown architecture raises means that nothing is proven
        return f"how {name} limits what a token sees could not be tested on packed rows ({error})"
    if difference <= MOST_CHANGE:
        return ""
    return f"beyond the number of tokens that a token of {name} sees, packed rows change its logits ({difference:.2g})"


def _twin(model: PreTrainedModel, attention: str) -> PreTrainedModel:
    """A small random model of the same kind, with the same weights whatever the attention."""
    config = short_sighted_twin(model.config, VOCABULARY)
    config.initializer_range = WEIGHT_SCALE
    with torch.random.fork_rng([]):
        torch.manual_seed(0)
        twin = AutoModelForCausalLM.from_config(config, dtype=torch.float32, attn_implementation=attention)
    return twin.eval()
