"""A model made ready for training, whatever its tuner: checked, its layers fused, its activations recomputed."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from mft_core.errors import MftError, UsageError
from mft_core.models.quantization import is_quantized
from mft_core.recipe.schema import TuneSection
from mft_core.recipe.tune_options import KIND, SECTION, own_options
from mft_core.tuning.tuner import Tuner, TunerRequest

if TYPE_CHECKING:
    from torch import nn
    from transformers import PreTrainedModel

    from mft_core.registry.catalog import Catalog


def build_tuner(tune: TuneSection, catalog: Catalog) -> Tuner:
    """The tuner of [tune] with its options; those of other tuners that stand there are left out.

    Raises:
        UsageError: there is no such tuner or option, or a value is not allowed.
        MftError: it cannot be used here.
    """
    tuner: Tuner = catalog.build(KIND, tune.method, own_options(tune, catalog), f"[{SECTION}]")
    return tuner


def prepare_for_tuning(model: PreTrainedModel, tuner: Tuner, request: TunerRequest) -> nn.Module:
    """The model with exactly those parameters requiring gradients that are to be trained, and with fused layers.

    Args:
        model: from `load_base`, quantised where the tuner wants that; changed in place (see also
            `mft_core.nn.fused_layers`).

    Returns:
        `model` itself, or a wrapper; adapters of PEFT are in float32 (float64 in a float64 model).

    Raises:
        UsageError: the tuner's options do not suit the model, or its weights are not held as it wants them.
        MftError: nothing would be trained.
    """
    if (tuner.quantization() is not None) != is_quantized(model):
        state = "quantised" if is_quantized(model) else "not quantised"
        raise UsageError(f"[{SECTION}] {tuner.words()}: it does not fit a model whose weights are {state}.")
    with _ready(model, request):
        tuned = tuner.prepare(model, request)
    if not any(parameter.requires_grad for parameter in tuned.parameters()):
        raise MftError(f"[{SECTION}] {tuner.words()}: no parameter of this model is trained by it.")
    return tuned


def skeleton_for_tuning(model: PreTrainedModel, tuner: Tuner, request: TunerRequest) -> nn.Module:
    """What `prepare_for_tuning` makes of a model on the meta device: its quantised weights keep their dense shapes, and
    initial values that need weights are not computed."""
    import torch

    with torch.device("meta"), _ready(model, request):  # else PEFT draws every adapter's values before it drops them
        return tuner.skeleton(model, request)


@contextmanager
def _ready(model: PreTrainedModel, request: TunerRequest) -> Iterator[None]:
    """What every tuner finds done. No warning for `gradient_checkpointing`: transformers 5 renamed it, PEFT uses the
    name that holds until 6."""
    from mft_core.nn.fused_layers import use_fused_layers

    use_fused_layers(model)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`(is_)?gradient_checkpointing", FutureWarning)
        if request.gradient_checkpointing:
            # Not reentrant: the reentrant form loses keyword arguments and gradients behind a frozen embedding.
            model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
        yield
