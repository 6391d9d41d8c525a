"""The processes of a machine quantise a base together, into a file that all of them map: none holds a whole copy.

A weight is quantised by one of them, as transformers reads it, on the device that is computed on. The file lies in the
folder for temporary files ($TMPDIR). It has no name any more as soon as all have mapped it, and is gone with the last
mapping, however the processes end.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from bitsandbytes.nn import Params4bit
from transformers.integrations.bitsandbytes import Bnb4bitQuantize
from transformers.pytorch_utils import Conv1D
from transformers.quantizers.auto import AUTO_QUANTIZER_MAPPING

from mft_core.errors import MftError
from mft_core.models.packed_linear import FLOAT, PackedForm, quant_tables, use_packed
from mft_core.models.quantization import Quantization, four_bit_layers, quantizable
from mft_core.support.ranks import RankPlace, gather, rank_and_ranks, rank_place

if TYPE_CHECKING:
    from transformers import PreTrainedModel

QUANTIZER = "bitsandbytes_4bit"
"""transformers' name of what it quantises by."""


class SharedVectors:
    """The quantised weights of a base, by the names of their layers, one behind the other in memory of this machine."""

    def __init__(self, forms: Mapping[str, PackedForm], device: torch.device) -> None:
        """Map them; called on every rank.

        Args:
            forms: of the weights, in the same order on every rank.
            device: that quantises.

        Raises:
            MftError: a machine has no room for them; on every rank alike.
        """
        self.forms, self.device, place = forms, device, rank_place()
        self._own = list(forms)[place.rank :: place.ranks]
        ends = dict(zip(forms, accumulate(form.size for form in forms.values()), strict=True))
        self._places = {name: slice(end - forms[name].size, end) for name, end in ends.items()}
        self._memory = _mapped_together(max(ends.values(), default=0), place)

    def quantises(self, name: str) -> bool:
        """Whether this process is the one that does it."""
        return name in self._own

    def vector(self, name: str) -> torch.Tensor:
        """float32 [form.size] of a weight."""
        return self._memory[self._places[name]]

    def give_to(self, model: PreTrainedModel) -> None:
        """Have every quantised layer hold its vector, when all ranks have filled theirs; called on every rank.

        Args:
            model: loaded within `quantizing_together`.
        """
        for name, layer in four_bit_layers(model).items():
            form = self.forms[name]
            use_packed(layer, form, self.vector(name), quant_tables(form.quantization))
        # The model alone keeps it: transformers' quantizer, which knows this object, stays with the model.
        self._memory = torch.empty(0)
        gather(None)


@contextmanager
def quantizing_together(
    empty: PreTrainedModel, quantization: Quantization, dtype: torch.dtype, device: torch.device
) -> Iterator[SharedVectors]:
    """Around the loading of a base, on every rank: transformers quantises into shared vectors.

    Args:
        empty: the model on the meta device.
        dtype: of what is computed.
        device: that quantises.

    Raises:
        MftError: as `SharedVectors`.
    """
    weights = {name: layer.get_parameter("weight") for name, layer in quantizable(empty).items()}
    shapes = {
        name: weight.shape[::-1] if isinstance(empty.get_submodule(name), Conv1D) else weight.shape
        for name, weight in weights.items()
    }
    forms = {name: PackedForm(torch.Size(shape), quantization, dtype) for name, shape in shapes.items()}
    shared = SharedVectors(forms, device)
    stock: Any = AUTO_QUANTIZER_MAPPING[QUANTIZER]

    class Quantizer(stock):
        def get_quantize_ops(self) -> Bnb4bitQuantize:
            return _QuantizeTogether(self, shared)

    AUTO_QUANTIZER_MAPPING[QUANTIZER] = Quantizer
    try:
        yield shared
    finally:
        AUTO_QUANTIZER_MAPPING[QUANTIZER] = stock


class _QuantizeTogether(Bnb4bitQuantize):
    def __init__(self, quantizer: Any, shared: SharedVectors) -> None:
        super().__init__(quantizer)
        self.shared = shared

    def convert(
        self, input_dict: dict[str, Any], full_layer_name: str | None = None, model: Any = None, **kwargs: Any
    ) -> dict[str, torch.Tensor]:
        """Quantise what is this rank's to quantise; of every weight, what is going to be there."""
        found: dict[str, torch.Tensor] = {}
        for parameter, value in input_dict.items():
            name = parameter.removesuffix(".weight")
            form, vector = self.shared.forms[name], self.shared.vector(name)
            if self.shared.quantises(name):
                dense = value[0] if isinstance(value, list) else value
                given = {parameter: dense.to(self.shared.device)}
                form.fill(vector, super().convert(given, full_layer_name, model, **kwargs)[parameter])
            model.get_submodule(name)._is_hf_initialized = True
            codes = vector.view(torch.uint8)[: form.codes].view(-1, 1)
            found[parameter] = Params4bit(codes, bnb_quantized=True)
        return found


def _mapped_together(size: int, place: RankPlace) -> torch.Tensor:
    """float32 [size] that the processes of a machine share."""
    made, (rank, _) = _reserved(FLOAT * size) if place.rank == 0 else ("", ""), rank_and_ranks()
    of_all = gather(made)
    for _, wrong in of_all:
        if wrong:
            raise MftError(
                f"the weights in four bits ({FLOAT * size / 2**30:.1f} GiB) do not fit {wrong}",
                "Set TMPDIR to a folder on a disk with more room.",
            )
    path, _ = of_all[rank - place.rank]
    memory = torch.from_file(path, shared=True, size=size, dtype=torch.float32) if size else torch.empty(0)
    gather(None)
    if made[0]:
        Path(path).unlink()
    return memory


def _reserved(size: int) -> tuple[str, str]:
    """A file of so many bytes, and what went wrong; without the room, writing into a mapping would end the process."""
    folder = tempfile.gettempdir()
    try:
        number, path = tempfile.mkstemp(prefix="mft-four-bits-", dir=folder)
    except OSError as error:
        return "", f"into {folder}: {error.strerror}"
    try:
        os.posix_fallocate(number, 0, max(1, size))
    except OSError as error:
        with suppress(FileNotFoundError):
            Path(path).unlink()
        return "", f"into {folder}: {error.strerror}"
    finally:
        os.close(number)
    return path, ""
