"""LoRA: low-rank matrices beside linear layers."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from pydantic import Field
from typing_extensions import TypeVar

from mft_core.errors import UsageError
from mft_core.interfaces import Options, PeftTuner, TunerRequest
from mft_core.recipe.schema import Recipe
from mft_tuners.beyond_linear import check_experts, expert_weights, whole_modules
from mft_tuners.initial_values import (
    ADDS_NOTHING,
    CHANGES_BASE,
    DEFAULT_INIT,
    as_plain_lora,
    check_initialization,
    initial_adapter,
    initial_digest,
    keep_initial_adapter,
)
from mft_tuners.target_names import Targets, in_words

if TYPE_CHECKING:
    import torch
    from torch import nn
    from transformers import PreTrainedModel


class LoraOptions(Options):
    """Options of `Lora`."""

    rank: int = Field(16, ge=1, description="LoRA rank")
    alpha: float = Field(32.0, gt=0, description="LoRA scale is alpha / rank")
    dropout: float = Field(0.05, ge=0, lt=1, description="LoRA dropout")
    targets: Targets = "all-linear"
    dora: bool = Field(False, description="DoRA: train the length of each weight row beside its direction")
    rslora: bool = Field(False, description="rsLoRA: the scale is alpha / sqrt(rank)")
    init: str = Field(
        "default", description="of LoRA's matrices: default, gaussian, orthogonal, pissa, pissa_niter_16, olora, mica"
    )
    experts: bool = Field(False, description="also beside the fused weights of experts, of rank `rank` for each expert")
    modules_to_save: list[str] = Field(
        [],
        description="modules trained whole beside LoRA and saved with it, such as embed_tokens and lm_head",
    )
    cast_activations: bool = Field(
        False, description="LoRA computes in float32 as PEFT does; false: in the model's own dtype, which is faster"
    )


SomeLoraOptions = TypeVar("SomeLoraOptions", bound=LoraOptions, default=LoraOptions, covariant=True)


class Lora(PeftTuner[SomeLoraOptions]):
    """W + s B A beside linear layers, W frozen (arXiv 2106.09685).

    The scale s is alpha / rank, or alpha / sqrt(rank) for rsLoRA (arXiv 2312.03732); DoRA is arXiv 2402.09353. Initial
    values of `CHANGES_BASE` move a part of the base's weights into the matrices; what is saved is plain LoRA of twice
    the rank for the base as it is on disk.
    """

    without_effect_at_first: ClassVar[frozenset[str]] = frozenset({"rank", "alpha", "dropout"})
    """As long as B is zero; dropout is off where anything is measured."""

    @property
    def starts_as_base(self) -> bool:
        """Whether B is zero at first; DoRA divides by a length that it has just computed, which rounds."""
        return self.options.init in ADDS_NOTHING and not self.options.dora

    @property
    def kind(self) -> str:
        """What it is called."""
        return "LoRA"

    def words(self) -> str:
        """Such as "LoRA rank 16, alpha 32, dropout 0.05, all-linear"."""
        options = self.options
        more = [word for word, chosen in (("DoRA", options.dora), ("rsLoRA", options.rslora)) if chosen]
        more += [options.init] if options.init != DEFAULT_INIT else []
        more += ["experts"] if options.experts else []
        more += [f"{', '.join(options.modules_to_save)} whole"] if options.modules_to_save else []
        numbers = [f"{self.kind} rank {options.rank}", f"alpha {options.alpha:g}", f"dropout {options.dropout:g}"]
        return ", ".join([*numbers, in_words(options.targets), *more])

    def check(self, recipe: Recipe) -> None:
        """Refuse initial values that could not be exact, and what does not go with experts or modules trained whole."""
        check_initialization(self.options.init, self.options.dora)
        options = self.options
        if options.experts:
            check_experts(options.dropout, options.dora, options.init, recipe)
        if options.modules_to_save and options.init not in ADDS_NOTHING:
            what = f"tune.init = {options.init!r} does not go with tune.modules_to_save."
            raise UsageError(what, 'Use tune.init = "default" or "gaussian".')

    def prepare(self, model: PreTrainedModel, request: TunerRequest) -> nn.Module:
        """PEFT's wrapper around the model, with LoRA matrices beside the modules that the options name."""
        check_initialization(self.options.init, self.options.dora)
        tuned = self._added(model, request, self.options.init)
        if CHANGES_BASE.fullmatch(self.options.init):
            keep_initial_adapter(tuned)
        self.as_trained(tuned)
        return tuned

    def skeleton(self, model: PreTrainedModel, request: TunerRequest) -> nn.Module:
        """With the shapes that matrices have whatever their values."""
        return self._added(model, request, DEFAULT_INIT)

    def _added(self, model: PreTrainedModel, request: TunerRequest, init: str) -> nn.Module:
        import torch
        from peft import LoraConfig, get_peft_model

        from mft_core.tuning.targets import are_transposed, lora_modules

        names = lora_modules(model, self.options.targets, request.family)
        config = LoraConfig(
            task_type="CAUSAL_LM",
            r=self.options.rank,
            lora_alpha=self.options.alpha,
            lora_dropout=self.options.dropout,
            use_dora=self.options.dora,
            use_rslora=self.options.rslora,
            init_lora_weights=True if init == DEFAULT_INIT else init,
            target_modules=names,
            target_parameters=expert_weights(model) if self.options.experts else None,
            modules_to_save=whole_modules(model, self.options.modules_to_save, names) or None,
            fan_in_fan_out=are_transposed(model, names),
        )
        try:
            with torch.random.fork_rng(), warnings.catch_warnings():
                # It is right for each layer as it is; and what is tied here is merged into a matrix each.
                warnings.filterwarnings("ignore", "fan_in_fan_out is set|Model has `tie_word_embeddings=True`")
                torch.manual_seed(request.seed)
                return get_peft_model(model, config)
        except (TypeError, ValueError) as error:
            raise UsageError(f"These LoRA options do not work on this model: {error}") from error

    def as_trained(self, model: nn.Module) -> None:
        """Let LoRA's linear layers compute in the model's dtype, unless activations are to be cast."""
        if not self.options.cast_activations:
            from mft_core.nn.lora_linear import use_own_lora_linear

            use_own_lora_linear(model)

    def beginning(self, model: nn.Module) -> str:
        """The digest of the matrices that were subtracted from the base."""
        return initial_digest(model)

    def save(self, model: nn.Module, folder: Path, tensors: Mapping[str, torch.Tensor] | None = None) -> None:
        """For the base as it is on disk."""
        super().save(model, folder, tensors)
        if initial := initial_adapter(model):
            as_plain_lora(folder, initial)

    def load(self, model: PreTrainedModel, folder: Path, request: TunerRequest) -> nn.Module:
        """As PEFT loads it, computed as in training."""
        tuned: Any = super().load(model, folder, request)
        self.as_trained(tuned)
        return tuned

    def take_up(self, model: nn.Module, folder: Path) -> None:
        """Beside the base as it is on disk."""
        if initial_adapter(model):
            raise UsageError(
                f"tune.init = {self.options.init!r} changes the base, beside which an earlier adapter is another.",
                'Train it further with tune.init = "default".',
            )
        super().take_up(model, folder)

    def check_combining(self) -> None:
        """Refuse DoRA, and what stands beside no linear layer."""
        if self.options.dora:
            wrong = "PEFT combines no DoRA adapters: it leaves their row lengths out"
            raise UsageError(wrong, "tune without tune.dora")
        for key in ("experts", "modules_to_save"):
            if getattr(self.options, key):
                raise UsageError(f"PEFT combines what stands beside linear layers, not tune.{key}", "tune without it")
