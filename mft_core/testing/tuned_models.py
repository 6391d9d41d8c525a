"""Models made ready for tuning, in tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mft_core.recipe.schema import TuneSection
from mft_core.registry.discovery import discover
from mft_core.registry.workspace import Workspace
from mft_core.tuning.preparing import build_tuner, prepare_for_tuning
from mft_core.tuning.saving import save_final
from mft_core.tuning.tuner import Tuner, TunerRequest

if TYPE_CHECKING:
    from torch import nn
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


def tuner_of(**settings: Any) -> Tuner:
    """The tuner of keys of [tune], by name, and, unless one says otherwise, without dropout."""
    return build_tuner(TuneSection(**{"dropout": 0.0, **settings}), discover(Workspace()).catalog)


def tuned_model(
    model: PreTrainedModel,
    *,
    family: Sequence[str] = (),
    gradient_checkpointing: bool = False,
    seed: int = 0,
    **settings: Any,
) -> Any:
    """As `prepare_for_tuning`, with the tuner of `tuner_of`."""
    return prepare_for_tuning(model, tuner_of(**settings), TunerRequest(seed, gradient_checkpointing, family))


def save_tuned(model: nn.Module, tokenizer: PreTrainedTokenizerBase, folder: Path, **settings: Any) -> None:
    """`save_final` of what `tuned_model` made with these settings."""
    save_final(model, tokenizer, folder, tuner_of(**settings), TuneSection(**settings))
