"""The last layers, everything before them frozen."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from pydantic import Field

from mft_core.errors import UsageError
from mft_core.interfaces import Options, TunerRequest, WholeModelTuner

if TYPE_CHECKING:
    from torch import nn
    from transformers import PreTrainedModel


class FreezeOptions(Options):
    """Options of `Freeze`."""

    layers: int = Field(2, ge=0, description="so many of the last decoder layers are trained")
    norms: bool = Field(False, description="train every norm too, the last one and those of frozen layers")
    head: bool = Field(False, description="train the head too, and with it embeddings that share its matrix")
    embeddings: bool = Field(False, description="train the embeddings too, and with them a head that shares theirs")


class Freeze(WholeModelTuner[FreezeOptions]):
    """Trains the last decoder layers, and norms, head or embeddings if asked; the result is a whole model."""

    def words(self) -> str:
        """Such as "the last 2 layers, norms"."""
        options = self.options
        parts = (
            [f"the last {options.layers} layers" if options.layers != 1 else "the last layer"] if options.layers else []
        )
        parts += [name for name in ("norms", "head", "embeddings") if getattr(options, name)]
        return ", ".join(parts) or "nothing"

    def prepare(self, model: PreTrainedModel, request: TunerRequest) -> nn.Module:
        """The model itself; refused where it has fewer layers."""
        model.requires_grad_(False)
        for part in self._chosen(model):
            part.requires_grad_(True)
        return model

    def _chosen(self, model: PreTrainedModel) -> Iterator[nn.Module]:
        from mft_core.training.sharding import decoder_layers

        layers = decoder_layers(model)
        if self.options.layers > len(layers):
            raise UsageError(
                f"tune.layers = {self.options.layers}: this model has {len(layers)} decoder layers.",
                "Give fewer, or train every weight: tune.method = full.",
            )
        yield from layers[len(layers) - self.options.layers :]
        if self.options.norms:
            yield from (module for module in model.modules() if type(module).__name__.endswith("Norm"))
        for wanted, end in (
            (self.options.head, model.get_output_embeddings()),
            (self.options.embeddings, model.get_input_embeddings()),
        ):
            if wanted and end is not None:
                yield end
