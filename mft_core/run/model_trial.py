"""One kind of model, tiny and random, taken through what a run does with it: does it hold?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn
from transformers import AutoModelForCausalLM, PreTrainedConfig, PreTrainedModel

from mft_core.errors import MftError
from mft_core.models.adapter import ModelAdapter
from mft_core.models.building import build_empty
from mft_core.models.loading import load_base
from mft_core.models.positions import learnt_positions
from mft_core.models.recognition import recognize_adapter
from mft_core.models.tiny_config import tiny_native_config, usual_config
from mft_core.models.tokenizers.byte_level import byte_tokenizer
from mft_core.nn.packed_attention import BatchInputs, padded_batch_inputs
from mft_core.nn.token_losses import TokenLossModel
from mft_core.recipe.schema import Recipe
from mft_core.records import Batch
from mft_core.run.memory import estimate_memory
from mft_core.run.plan import tuner_request
from mft_core.run.row_form import TOLERANCE
from mft_core.tuning.finished import find_finished, load_finished
from mft_core.tuning.merging import merge
from mft_core.tuning.preparing import prepare_for_tuning
from mft_core.tuning.saving import save_final
from mft_core.tuning.tuner import Tuner

Result = Literal["packed", "padded", "refused", "failed", "untried"]
Adapters = Sequence[tuple[str, ModelAdapter]]

VOCABULARY = 512
MOST_PARAMETERS = 50_000_000
"""Of a model that is tried: where sizes have names of their own, the published ones would remain."""
WEIGHT_SCALE = 0.1
"""Standard deviation of the weights: enough for attention to matter to every logit."""
ROWS, LENGTH = 2, 12
SEED = 0
LEARNING_RATE = 1e-2


@dataclass(frozen=True, slots=True)
class TrialResult:
    """What became of one kind of model.

    Attributes:
        model_type: transformers' name of it.
        adapter: the family that takes it; "" where none does.
        result: it trains on packed rows, on padded ones, is refused by name, or fails at something; or no small model
            of this type could be made to try it with.
        reason: why not packed, in a sentence, or what LoRA does not reach; "" where there is nothing to say.
        parameters: of the model that was tried; 0 where none was made.
    """

    model_type: str
    adapter: str
    result: Result
    reason: str = ""
    parameters: int = 0


def try_model(model_type: str, adapters: Adapters, tuner: Tuner, folder: Path) -> TrialResult:
    """Build a tiny random model of this type, test its rows, take one LoRA step, save it, and load it again.

    Args:
        model_type: as in config.json.
        adapters: all families there are, with their names.
        tuner: makes adapters of PEFT.
        folder: an empty one, for checkpoints.
    """
    name, parameters = "", 0
    try:
        name = recognize_adapter(adapters, usual_config(model_type))
    except MftError as error:
        return TrialResult(model_type, name, "refused", _sentence(error))
    try:
        parameters = _write_random(tiny_native_config(model_type, VOCABULARY), folder / "base")
    except MftError as error:
        return TrialResult(model_type, name, "untried", _sentence(error))
    adapter = dict(adapters)[name]
    steps = _Trial(adapter, adapters, tuner, folder)
    for step in (steps.load, steps.test_rows, steps.train, steps.reload, steps.merge):
        try:
            step()
        except MftError as error:
            result: Result = "refused" if step == steps.test_rows else "failed"
            return TrialResult(model_type, name, result, _sentence(error), parameters)
        except Exception as error:  # noqa: BLE001 - whatever 200 architectures raise is what is to be found out
            reason = f"{step.__doc__}: {type(error).__name__}: {_line(error)}"
            return TrialResult(model_type, name, "failed", reason, parameters)
    return TrialResult(model_type, name, "packed" if steps.packed else "padded", steps.reason, parameters)


def _sentence(error: MftError) -> str:
    return " ".join(error.message.split())


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:300]


def _write_random(config: PreTrainedConfig, folder: Path) -> int:
    """Save a random model; its parameters.

    Raises:
        MftError: it would not be small, or transformers cannot make it.
    """
    count = sum(parameter.numel() for parameter in build_empty(config, torch.float32).parameters())
    if count > MOST_PARAMETERS:
        raise MftError(f"No small {config.model_type} can be made of the usual sizes: it has {count:,} parameters.")
    config.initializer_range = WEIGHT_SCALE
    torch.manual_seed(SEED)
    try:
        AutoModelForCausalLM.from_config(config, dtype=torch.float32).save_pretrained(folder)
    except Exception as error:
        raise MftError(f"transformers cannot build or save it: {type(error).__name__}: {_line(error)}") from error
    return count


class _Trial:
    """The steps after the checkpoint is there, in their order; the docstring of each says what it does."""

    def __init__(self, adapter: ModelAdapter, adapters: Adapters, tuner: Tuner, folder: Path) -> None:
        self.adapter, self.adapters, self.tuner, self.folder = adapter, adapters, tuner, folder
        self.recipe = Recipe().having("train", gradient_checkpointing=False)
        self.packed, self.reason, self.attention = True, "", ""
        self.model: Any = None
        self.inputs: BatchInputs = adapter.model_inputs
        self.tuned: nn.Module

    def load(self) -> None:
        """loading it"""
        self.model = load_base(self.adapter, self.folder / "base", torch.float32)
        self.attention = self.model.config._attn_implementation

    def test_rows(self) -> None:
        """testing its rows"""
        test = self.adapter.test_rows(self.model, VOCABULARY, TOLERANCE[torch.float32])
        self.packed, self.reason = test.packed, test.reason
        self.inputs = self.adapter.model_inputs if self.packed else padded_batch_inputs
        TokenLossModel(self.model, self.inputs)

    def train(self) -> None:
        """a LoRA step"""
        config = self.adapter.load_config(self.folder / "base")
        learnt_positions(build_empty(config, torch.float32))
        estimate_memory(self.recipe, self.tuner, self.adapter, config, torch.float32, 1.0, torch.device("cpu"))
        request = tuner_request(self.recipe, self.adapter)
        self.tuned = prepare_for_tuning(self.model, self.tuner, request).train()
        model, batch = TokenLossModel(self.tuned, self.inputs), _batch()
        trained = {name: each for name, each in self.tuned.named_parameters() if each.requires_grad}
        optimizer = torch.optim.AdamW(trained.values(), lr=LEARNING_RATE)
        model(batch).cross_entropy.mean().backward()
        gradients = {name: each.grad for name, each in trained.items() if each.grad is not None}
        if not gradients or not all(gradient.isfinite().all() for gradient in gradients.values()):
            raise MftError("No gradient reaches LoRA's matrices, or one that is not finite.")
        optimizer.step()
        self.tuned.eval()
        without = sorted(trained.keys() - gradients.keys())
        if without:
            note = f"no gradient reaches {len(without)} of {len(trained)} LoRA matrices, such as {without[0]}"
            self.reason = "; ".join(filter(None, (self.reason, note)))

    def reload(self) -> None:
        """saving its adapter and loading it again"""
        save_final(self.tuned, byte_tokenizer(), self.folder / "run" / "final", self.tuner, self.recipe.tune)
        self._compare(load_finished(find_finished(self.folder / "run", self.adapters)), "its adapter, loaded again,")

    def merge(self) -> None:
        """merging its adapter and loading it in plain transformers"""
        with torch.inference_mode():
            before = self._logits(self.tuned)
        merged: PreTrainedModel = merge(self.tuned)
        merged.save_pretrained(self.folder / "merged")
        plain = AutoModelForCausalLM.from_pretrained(self.folder / "merged", attn_implementation=self.attention)
        self._compare(plain.eval(), "the merged model", before)

    def _logits(self, model: nn.Module) -> torch.Tensor:
        return model(**self.inputs(_batch())).logits

    def _compare(self, other: nn.Module, what: str, expected: torch.Tensor | None = None) -> None:
        with torch.inference_mode():
            expected = self._logits(self.tuned) if expected is None else expected
            difference = float((self._logits(other) - expected).abs().max() / expected.abs().max())
        if not difference <= TOLERANCE[torch.float32]:
            raise MftError(f"The logits of {what} differ by {difference:.2g} (relative to the largest).")


def _batch() -> Batch:
    """`ROWS` rows of one document each, which suits packed and padded inputs; every token but the first is a label."""
    ids = torch.randint(VOCABULARY, (ROWS, LENGTH), generator=torch.Generator().manual_seed(SEED))
    samples = torch.arange(ROWS)
    return Batch(
        input_ids=ids,
        position_ids=torch.arange(LENGTH).expand(ROWS, -1),
        labels=ids.roll(-1, 1),
        sample_index=samples[:, None].expand(-1, LENGTH),
        sample_task=torch.zeros_like(samples),
        sample_tokens=torch.full_like(samples, LENGTH),
        sample_ids=samples,
        documents=tuple((row, 0, LENGTH) for row in range(ROWS)),
    )
