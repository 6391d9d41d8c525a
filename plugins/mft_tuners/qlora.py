"""QLoRA: LoRA beside weights in four bits."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field

from mft_core.models.quantization import Quantization
from mft_core.recipe.schema import Recipe
from mft_tuners.initial_values import check_initialization_beside_four_bits
from mft_tuners.lora import Lora, LoraOptions


class QLoraOptions(LoraOptions):
    """Options of `QLora`."""

    quant_type: Literal["nf4", "fp4"] = Field("nf4", description="the kind of four-bit number")
    double_quant: bool = Field(True, description="quantise the blocks' scales too; saves 0.37 bits a weight")


class QLora(Lora[QLoraOptions]):
    """LoRA beside linear layers whose weights are held in four bits (arXiv 2305.14314)."""

    lighter: ClassVar[str] = ""

    @property
    def kind(self) -> str:
        """With the kind of number."""
        return f"QLoRA ({self.options.quant_type})"

    def quantization(self) -> Quantization:
        """Four bits a weight, and the scales of its blocks."""
        return Quantization(self.options.quant_type, self.options.double_quant)

    def check(self, recipe: Recipe) -> None:
        """Refuse initial values that need dense weights."""
        super().check(recipe)
        check_initialization_beside_four_bits(self.options.init)
