"""Whatever kind of adapter PEFT has, with PEFT's own options."""

from __future__ import annotations

import dataclasses
import logging
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import Field

from mft_core.errors import UsageError
from mft_core.interfaces import Options, PeftTuner, TunerRequest
from mft_core.recipe.schema import Recipe
from mft_core.support.suggestions import did_you_mean
from mft_tuners.target_names import Targets, in_words

if TYPE_CHECKING:
    from torch import nn
    from transformers import PreTrainedModel

logger = logging.getLogger(__name__)

FAILURES = (TypeError, ValueError, RuntimeError, AssertionError, LookupError, AttributeError, ImportError)
PROMPTS = "it puts learnt vectors before a text, and packed rows hold many texts, of which all but one would go without"
BY_CALLS = "it changes what it trains between steps, by calls that only its own training loop makes"
BY_WEIGHTS = "the base's weights decide what it adds, so that no memory could be counted before they are loaded"
REFUSED: Mapping[str, str] = {
    "LORA": "that is tune.method = lora, with more to choose",
    "LN_TUNING": "norms are trained by tune.method = freeze, with layers = 0 and norms = true",
    "TRAINABLE_TOKENS": "it trains rows of the embeddings, beside no linear layer",
    "ADALORA": BY_CALLS,
    "LILY": "its router averages over all tokens of a forward, so that documents that share a row would see each other",
    "ADAPTION_PROMPT": PROMPTS,
    "FROD": BY_WEIGHTS,
    "SHIRA": BY_WEIGHTS,
    "POLY": "it wants the number of a task with every forward",
    "XLORA": "it mixes adapters that were trained before",
    "SHADOW": "its layers hand on more than hidden states, which no model here takes",
}
"""Kinds that could not be trained, resumed, packed or saved exactly, with the reason; all prompts are among them."""
REFUSED_OPTIONS: Mapping[tuple[str, str], str] = {
    ("ADAMSS", "use_asa"): BY_CALLS,
    ("PVERA", "generator_seed"): "a resumed run would draw from its beginning again",
}
TARGETS = "target_modules"


class PeftTypeOptions(Options):
    """Options of `PeftType`."""

    type: str = Field("IA3", description="PEFT's name of the kind: IA3, OFT, BOFT, VERA, LOHA, LOKR, ...")
    targets: Targets = "all-linear"
    options: dict[str, Any] = Field({}, description="what PEFT's configuration of the kind takes beside its targets")


class PeftType(PeftTuner[PeftTypeOptions]):
    """An adapter of any kind that PEFT puts beside linear layers, saved, loaded and merged by PEFT."""

    def words(self) -> str:
        """Such as "IA3, all-linear" or "LOKR (r 4), q_proj"."""
        options = self.options
        given = ", ".join(f"{key} {value}" for key, value in options.options.items())
        return f"{options.type.upper()}{f' ({given})' if given else ''}, {in_words(options.targets)}"

    def check(self, recipe: Recipe) -> None:
        """Refuse kinds that there are not or that would not be exact, and options that PEFT does not know."""
        self._config({})

    def skeleton(self, model: PreTrainedModel, request: TunerRequest) -> nn.Module:
        """What it adds has values, beside a model that has none: some kinds look at them while they make them."""
        import torch

        with torch.device("cpu"):
            return self.prepare(model, request)

    def prepare(self, model: PreTrainedModel, request: TunerRequest) -> nn.Module:
        """PEFT's wrapper around the model."""
        import torch
        from peft import get_peft_model

        from mft_core.tuning.targets import are_transposed, lora_modules

        names = lora_modules(model, self.options.targets, request.family)
        config = self._config({TARGETS: names, **({"fan_in_fan_out": True} if are_transposed(model, names) else {})})
        try:
            with torch.random.fork_rng(), warnings.catch_warnings(record=True) as said:
                warnings.simplefilter("always")
                torch.manual_seed(request.seed)
                tuned = get_peft_model(model, config)
        except FAILURES as error:
            raise UsageError(
                f"PEFT cannot put {self.words()} on this model: {error}", "Change tune.options."
            ) from error
        for text in sorted({" ".join(str(each.message).split()) for each in said}):
            logger.info("%s", text)
        return tuned

    def _config(self, more: Mapping[str, Any]) -> Any:
        """PEFT's configuration.

        Raises:
            UsageError: no such kind, one that would not be exact, or options that it does not take.
        """
        from peft import PeftConfig, PromptLearningConfig
        from peft.mapping import PEFT_TYPE_TO_CONFIG_MAPPING

        kinds: dict[str, Any] = {str(kind.value): of for kind, of in PEFT_TYPE_TO_CONFIG_MAPPING.items()}
        kind, given = self.options.type.upper(), self.options.options
        if kind not in kinds:
            raise UsageError(
                f"tune.type: PEFT has no {self.options.type!r}.", did_you_mean(kind, set(kinds) - set(REFUSED))
            )
        if reason := PROMPTS if issubclass(kinds[kind], PromptLearningConfig) else REFUSED.get(kind):
            raise UsageError(f"tune.type = {kind!r}: {reason}.", "Take another kind.")
        own = {field.name for field in dataclasses.fields(kinds[kind])}
        known = own - {field.name for field in dataclasses.fields(PeftConfig)} - {TARGETS}
        for key in given:
            if key == TARGETS:
                raise UsageError(f"tune.options.{TARGETS}: the modules are named by tune.targets.", "Put them there.")
            if reason := REFUSED_OPTIONS.get((kind, key)):
                raise UsageError(f"tune.options.{key} of {kind}: {reason}.", "Leave it out.")
            if key not in known:
                raise UsageError(f"tune.options: {kind} of PEFT has no {key!r}.", did_you_mean(key, known))
        try:
            taken = {key: value for key, value in more.items() if key in own}
            return kinds[kind](task_type="CAUSAL_LM", **{**taken, **given})
        except (TypeError, ValueError) as error:
            raise UsageError(f"tune.options do not go together for {kind}: {error}") from error
