"""One matrix for query, key and value, ordered by head: each head's query rows, then its key's, then its value's."""

from __future__ import annotations

from typing import Any

import torch
from transformers.core_model_loading import ConversionOps, WeightConverter, WeightTransform


def fused_per_head(source: str, *targets: str) -> WeightTransform:
    """A stored tensor of rows [heads, targets, D] that the native model has as one tensor [heads * D] per target."""
    return WeightConverter(source, list(targets), [SplitHeads()])


class SplitHeads(ConversionOps):
    """[heads * parts * D, ...] to parts of [heads * D, ...]."""

    @torch.no_grad()
    def convert(
        self, input_dict: dict[str, Any], source_patterns: list[str], target_patterns: list[str], **context: Any
    ) -> dict[str, torch.Tensor]:
        """One tensor in, one per target out."""
        (tensors,) = input_dict.values()
        heads = context["config"].num_attention_heads
        by_head = tensors[0].unflatten(0, (heads, len(target_patterns), -1))
        parts = (part.flatten(0, 1).contiguous() for part in by_head.unbind(1))
        return dict(zip(target_patterns, parts, strict=True))

    @property
    def reverse_op(self) -> ConversionOps:
        """Joins them again."""
        return JoinHeads()


class JoinHeads(ConversionOps):
    """Parts of [heads * D, ...] to [heads * parts * D, ...]."""

    @torch.no_grad()
    def convert(
        self, input_dict: dict[str, Any], source_patterns: list[str], target_patterns: list[str], **context: Any
    ) -> dict[str, torch.Tensor]:
        """One tensor per source in, one out."""
        heads = context["config"].num_attention_heads
        parts = [input_dict[pattern][0].unflatten(0, (heads, -1)) for pattern in source_patterns]
        return {target_patterns[0]: torch.stack(parts, 1).flatten(0, 2)}

    @property
    def reverse_op(self) -> ConversionOps:
        """Splits them again."""
        return SplitHeads()
