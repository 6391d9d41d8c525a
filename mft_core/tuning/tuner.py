"""The interface of tuners: what of a model is trained, and how that is saved, loaded and merged."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Literal

from mft_core.errors import MftError, UsageError
from mft_core.models.quantization import Quantization
from mft_core.recipe.schema import Recipe
from mft_core.registry.options import Configurable, SomeOptions

if TYPE_CHECKING:
    import torch
    from torch import nn
    from transformers import PreTrainedModel

Form = Literal["adapter", "model", "own"]
"""What a result is: an adapter that PEFT loads, a whole model for transformers, or what its tuner alone loads."""
TRAINED = "trained.safetensors"


@dataclass(frozen=True, slots=True)
class TunerRequest:
    """What a tuner is told beside its options.

    Attributes:
        seed: of whatever it draws.
        gradient_checkpointing: activations are computed again in the backward pass; it is switched on already.
        family: names of the linear modules that the model family takes for LoRA's; none: it has no list of its own.
    """

    seed: int = 0
    gradient_checkpointing: bool = False
    family: Sequence[str] = ()


class Tuner(Configurable[SomeOptions]):
    """Decides what of a model is trained (`tune.method`).

    `prepare` and `words` are all that a tuner must have: what it trains is then saved by name, and loaded by preparing
    the base again and putting it back. One that makes PEFT adapters derives from `PeftTuner`, one that trains weights
    of the model itself and saves all of it from `WholeModelTuner`; both load without their tuner.

    Attributes:
        form: of its result.
        trains_base: it trains weights of the base itself, which are then held in float32 where `model.dtype` is less.
        lighter: the `tune.method` to try where memory runs out; "": none is lighter.
        without_effect_at_first: where `starts_as_base`, options that do not matter until it is trained.
    """

    form: ClassVar[Form] = "own"
    trains_base: ClassVar[bool] = False
    lighter: ClassVar[str] = ""
    without_effect_at_first: ClassVar[frozenset[str]] = frozenset()

    @property
    def starts_as_base(self) -> bool:
        """Whether the model that is prepared computes exactly what its base does, whatever the seed."""
        return False

    @abstractmethod
    def words(self) -> str:
        """What is trained, in a few words: "LoRA rank 16, alpha 32, dropout 0.05, all-linear"."""

    def check(self, recipe: Recipe) -> None:
        """Refuse what shows before any weight is loaded: options that exclude each other, or other sections' keys.

        Raises:
            UsageError: they do.
        """

    def quantization(self) -> Quantization | None:
        """How the base's weights are held in four bits; None: they are not."""
        return None

    @abstractmethod
    def prepare(self, model: PreTrainedModel, request: TunerRequest) -> nn.Module:
        """The model with exactly those parameters requiring gradients that are to be trained.

        Args:
            model: the base, changed in place. Its weights may require gradients or not.

        Returns:
            the model itself, or a wrapper that has all of its methods, as PEFT's has. The process's random state is
            left as it was; documents that share a row do not see each other.

        Raises:
            UsageError: the options do not suit this model.
        """

    def skeleton(self, model: PreTrainedModel, request: TunerRequest) -> nn.Module:
        """What `prepare` makes of a model without values, on the meta device and always dense: shapes are all that
        counts."""
        return self.prepare(model, request)

    def beginning(self, model: nn.Module) -> str:
        """What identifies the values that a prepared model starts from where they are computed from the base's, so that
        a resumed run knows that it trains beside the same ones; "": base and seed say it all."""
        return ""

    def save(self, model: nn.Module, folder: Path, tensors: Mapping[str, torch.Tensor] | None = None) -> None:
        """Write what was trained into an empty folder. What stands beside it there, mft writes.

        Args:
            model: from `prepare`.
            tensors: where the model's own are sharded, whole ones by name: the trained, or, for the form "model", all.
                None: the model's own.
        """
        from safetensors.torch import save_file

        named = tensors if tensors is not None else trained_tensors(model)
        save_file({name: tensor.contiguous() for name, tensor in named.items()}, folder / TRAINED)

    def load(self, model: PreTrainedModel, folder: Path, request: TunerRequest) -> nn.Module:
        """The tuned model, of its base and what `save` wrote; asked of tuners whose `form` is "own" alone.

        Raises:
            MftError: the files do not fit the base, or cannot be read.
        """
        tuned = self.prepare(model, request)
        _put_back(tuned, _stored(folder), folder / TRAINED)
        return tuned

    def take_up(self, model: nn.Module, folder: Path) -> None:
        """Put what `save` wrote in an earlier run into a model that `prepare` has just made, to be trained further.

        Raises:
            UsageError: the options were others then.
            MftError: the files do not fit the model, or cannot be read.
        """
        _put_back(model, _stored(folder), folder / TRAINED)

    def merge(self, model: nn.Module) -> PreTrainedModel:
        """A plain model of the base's class that computes what the tuned one does.

        Raises:
            MftError: there is none, and why.
        """
        raise MftError(
            f"What {type(self).__name__} trains cannot be merged into the base's weights.",
            "Nothing was exported. The run's own folder answers: mft chat, generate, eval.",
        )

    def check_combining(self) -> None:
        """Refuse that results on single tasks are combined without training, by PEFT's methods for LoRA adapters.

        Raises:
            UsageError: they cannot be, and why.
        """
        raise UsageError("LoRA adapters are combined, and this makes none", "leave it out, or tune with lora")

    def as_trained(self, model: nn.Module) -> None:
        """Let a model with loaded adapters compute as one that `prepare` made, in place."""


def trained_tensors(model: nn.Module) -> dict[str, torch.Tensor]:
    """The parameters that require gradients, by name, on the processor."""
    return {name: p.detach().cpu() for name, p in model.named_parameters() if p.requires_grad}


def _stored(folder: Path) -> dict[str, torch.Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(folder / TRAINED)
    except (OSError, SafetensorError) as error:
        raise MftError(f"{folder / TRAINED} cannot be read: {error}", "Train again, or fetch the file.") from error


def _put_back(model: nn.Module, stored: Mapping[str, torch.Tensor], path: Path) -> None:
    import torch

    trained = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    if differing := sorted(trained.keys() ^ stored.keys()):
        raise MftError(f"{path} holds other parameters than are trained of this base, such as {differing[0]}.")
    with torch.no_grad():
        for name, parameter in trained.items():
            if parameter.shape != stored[name].shape:
                shapes = f"{list(stored[name].shape)} there and {list(parameter.shape)} in the base"
                raise MftError(f"{path} does not fit its base: {name} is {shapes}.")
            parameter.copy_(stored[name])
