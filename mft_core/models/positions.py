"""Learnt positions: a model that has a table of them knows no token beyond its end. Rotary and relative ones go on."""

from __future__ import annotations

from torch import nn
from transformers import PreTrainedConfig, PreTrainedModel

from mft_core.recipe.schema import Recipe


def known_positions(config: PreTrainedConfig) -> int | None:
    """Positions that the model was made for, as its config says; None: it does not say."""
    limit = getattr(config, "max_position_embeddings", None)
    return limit if isinstance(limit, int) and limit > 0 else None


def learnt_positions(model: PreTrainedModel) -> int | None:
    """Rows of the model's tables of absolute positions, as its config counts them; None: it has no such table.

    Args:
        model: its shapes are enough (`mft_core.models.building.build_empty`).
    """
    limit = known_positions(model.config)
    words = model.get_input_embeddings()
    tables = (each for each in model.modules() if isinstance(each, nn.Embedding) and each is not words)
    # Some have a row or two more, for padding.
    return limit if limit and any(0 <= each.num_embeddings - limit <= 2 for each in tables) else None


def with_samples_within(recipe: Recipe, limit: int | None) -> Recipe:
    """The recipe by which samples are tokenised for a model with `limit` learnt positions: longer ones are over-long.

    Rows may be longer than that, for every sample's positions begin at 0. Prepared samples are as they are.
    """
    if limit is None or limit >= recipe.data.max_length or recipe.data.prepared:
        return recipe
    return recipe.having("data", max_length=limit)
