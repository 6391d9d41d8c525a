"""Whether a loaded model computes packed rows, or padded ones, exactly: tested before training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch

from mft_core.errors import MftError
from mft_core.nn.document_attention import Document
from mft_core.nn.modes import evaluation_mode
from mft_core.nn.packed_attention import packed_inputs, padded_inputs

if TYPE_CHECKING:
    from transformers import PreTrainedModel


SELF_TEST_LENGTHS = (11, 7)


@dataclass(frozen=True, slots=True)
class RowTest:
    """What rows a model can be trained on.

    Attributes:
        packed: documents may share rows; else every row must hold one sample, with `padded_batch_inputs`.
        reason: why not packed, in a sentence without its full stop; "" where it is.
    """

    packed: bool
    reason: str = ""


def packing_or_padding(model: PreTrainedModel, vocabulary_size: int, tolerance: float) -> RowTest:
    """Self-test before training: packed rows if they are exact with this model, else padded ones if those are.

    Args:
        model: loaded with `suitable_attention`.
        vocabulary_size: token ids are drawn below it.
        tolerance: largest relative difference that is rounding in the model's dtype.

    Raises:
        MftError: padded rows are wrong as well.
    """
    name = type(model).__name__
    try:
        difference = check_packing(model, vocabulary_size)
        reason = f"documents packed into one row of {name} change each other's logits ({difference:.2g})"
    except (MftError, RuntimeError, ValueError, TypeError, AttributeError, LookupError) as error:
        difference, reason = float("nan"), f"{name} cannot run on packed rows ({error})"
    if difference <= tolerance:
        return RowTest(packed=True)
    padded = check_padding(model, vocabulary_size)
    if padded <= tolerance:
        return RowTest(packed=False, reason=reason)
    raise MftError(
        f"{reason[0].upper()}{reason[1:]}, and padding changes its logits as well ({padded:.2g}).",
        "This model cannot be trained here; please report it with its config.json.",
    )


def check_packing(model: PreTrainedModel, vocabulary_size: int) -> float:
    """How far two documents in one row are from each alone, and from not seeing each other.

    Args:
        model: loaded with `PACKED_ATTENTION`, possibly wrapped by PEFT.
        vocabulary_size: token ids are drawn below it.

    Returns:
        The larger of two ratios; NaN where logits are not finite. The largest difference of the logits to those of
        transformers' own forward of each document, relative to the largest logit. And, since that one may hide a weak
        leak in half precision's rounding: how much the second document's logits change with the first one's tokens,
        relative to how much they do where both are one document.
    """
    first, second, other = _test_texts(model, vocabulary_size)
    middle, end = first.shape[1], first.shape[1] + second.shape[1]
    apart, joined = [(0, 0, middle), (0, middle, end)], [(0, 0, end)]
    with evaluation_mode(model):
        packed = _packed_logits(model, first, second, apart)
        alone = torch.cat([model(input_ids=text, use_cache=False).logits for text in (first, second)], 1)
        change = packed - _packed_logits(model, other, second, apart)
        seen = _packed_logits(model, first, second, joined) - _packed_logits(model, other, second, joined)
    tiny = torch.finfo(packed.dtype).tiny
    leak = change[:, middle:].abs().max() / seen[:, middle:].abs().max().clamp(min=tiny)
    return float(torch.maximum((packed - alone).abs().max() / alone.abs().max(), leak))


def check_padding(model: PreTrainedModel, vocabulary_size: int) -> float:
    """Largest difference of a padded text's logits to those of the text alone, relative to the largest logit."""
    first, second, _ = _test_texts(model, vocabulary_size)
    shorter = second.shape[1]
    padded = torch.cat([second, second.new_zeros(1, first.shape[1] - shorter)], 1)
    real = torch.arange(first.shape[1], device=model.device) < torch.tensor([[first.shape[1]], [shorter]]).to(
        model.device
    )
    with evaluation_mode(model):
        both = model(input_ids=torch.cat([first, padded]), **padded_inputs(real)).logits
        alone = [model(input_ids=text, **padded_inputs(text >= 0)).logits[0] for text in (first, second)]
    differences = [(found[: len(text)] - text).abs().max() for found, text in zip(both, alone, strict=True)]
    return float(torch.stack(differences).max() / alone[0].abs().max())


def check_causality(model: PreTrainedModel, vocabulary_size: int) -> float:
    """How much a text's later tokens change the logits of earlier ones, relative to the largest logit.

    Args:
        model: loaded, of any attention.
        vocabulary_size: token ids are drawn below it.
    """
    first, second, _ = _test_texts(model, vocabulary_size)
    kept = first.shape[1] - second.shape[1]
    texts = (first, torch.cat([first[:, :kept], second], 1))
    with evaluation_mode(model):
        one, other = (model(input_ids=text, **padded_inputs(text >= 0)).logits[:, :kept] for text in texts)
    return float((one - other).abs().max() / one.abs().max())


def _test_texts(model: PreTrainedModel, vocabulary_size: int) -> list[torch.Tensor]:
    """Two texts of different lengths, and another one as long as the first; int64 [1, length] on the model's device."""
    generator = torch.Generator().manual_seed(0)
    lengths = (*SELF_TEST_LENGTHS, SELF_TEST_LENGTHS[0])
    return [torch.randint(vocabulary_size, (1, length), generator=generator).to(model.device) for length in lengths]


def _packed_logits(
    model: PreTrainedModel, first: torch.Tensor, second: torch.Tensor, documents: list[Document]
) -> torch.Tensor:
    """[1, tokens, vocabulary] of two texts in one row."""
    positions = torch.cat([torch.arange(end - start) for _, start, end in documents])[None]
    return model(
        input_ids=torch.cat([first, second], 1), position_ids=positions.to(model.device), **packed_inputs(documents)
    ).logits
