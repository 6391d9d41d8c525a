"""Models made ready for tuning, in tests."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from mft_core.recipe.schema import TrainSection, TuneSection
from mft_core.tuning.methods import prepare_for_tuning

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def tuned_model(
    model: PreTrainedModel,
    *,
    family: Sequence[str] = (),
    gradient_checkpointing: bool = False,
    seed: int = 0,
    **settings: Any,
) -> Any:
    """As `prepare_for_tuning`, with keys of [tune] by name and, unless one says otherwise, without dropout."""
    train = TrainSection(gradient_checkpointing=gradient_checkpointing, seed=seed)
    return prepare_for_tuning(model, TuneSection(**{"dropout": 0.0, **settings}), train, family)
