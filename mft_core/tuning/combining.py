"""LoRA adapters of one base combined into one by PEFT's own methods, without training.

Ties: Yadav et al., arXiv 2306.01708; DARE: Yu et al., arXiv 2311.03099; both of A and of B, as PEFT applies them.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from mft_core.errors import MftError
from mft_core.registry.options import Options
from mft_core.tuning.adapters import load_adapter

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel

SPARSE = ("ties", "dare_linear", "dare_ties")
STEPS = (0.3, 0.5, 0.7, 1.0)
COMBINED = "default"
"""What PEFT calls a model's only adapter."""


class MergeOptions(Options):
    """How adapters are combined."""

    method: Literal["linear", "ties", "dare_linear", "dare_ties", "cat"] = Field(
        "linear", description="PEFT's combination type; cat: exactly the weighted sum, at the sum of the ranks"
    )
    density: float = Field(
        0.5, gt=0, le=1, description="of ties, dare_linear and dare_ties: the share of each matrix that is kept"
    )
    weights: list[Annotated[float, Field(gt=0)]] = Field(
        [], description="of each adapter, tried in turn; []: 0.3, 0.5, 0.7 and 1, these over their number N, and 1/N^2"
    )

    def tried(self, adapters: int) -> list[float]:
        """The weights that are tried, rising, for so many adapters."""
        # Adapters that begin at one A differ little in it: the products B_i A_j of `linear` then are about N times each
        # B_i A_i, and 1 / N^2 comes near to their mean.
        grid = self.weights or [*STEPS, *(step / adapters for step in STEPS), 1 / adapters**2]
        return sorted(set(grid))


class AdapterCombiner:
    """A base with several adapters, of which it computes one combination.

    Args:
        model: the base.
        folders: the adapters, as PEFT saves them.

    Attributes:
        model: PEFT's wrapper around it, in eval mode.

    Raises:
        MftError: an adapter cannot be loaded.
    """

    def __init__(self, model: PreTrainedModel, folders: Sequence[Path]) -> None:
        self._names = [f"adapter {number}" for number in range(len(folders))]
        self.model: PeftModel = load_adapter(model, folders[0], self._names[0])
        for name, folder in zip(self._names[1:], folders[1:], strict=True):
            self.model.load_adapter(str(folder), name, torch_device="cpu")
        self.model.eval()

    def combine(self, options: MergeOptions, weight: float, seed: int) -> None:
        """Compute sum_i weight * adapter_i from now on, as `options.method` means that.

        Args:
            weight: of every adapter.
            seed: of what DARE drops. The process's random state is left as it was.

        Raises:
            MftError: PEFT cannot combine them.
        """
        import torch

        if COMBINED in self.model.peft_config:
            self.model.set_adapter(self._names[0])
            self.model.delete_adapter(COMBINED)
        density = options.density if options.method in SPARSE else None
        model: Any = self.model
        try:
            with torch.random.fork_rng(), warnings.catch_warnings():
                warnings.filterwarnings("ignore", "The density 1.* is greater than or equal to 1")
                torch.manual_seed(seed)
                model.add_weighted_adapter(
                    self._names, [weight] * len(self._names), COMBINED, options.method, density=density
                )
        except (ValueError, RuntimeError) as error:
            raise MftError(
                f"PEFT cannot combine these adapters: {error}", "Leave the arm out, or take another method."
            ) from error
        if options.method == "cat":
            _concatenate(self.model, self._names, weight)
        _undo_scale(self.model)
        self.model.set_adapter(COMBINED)
        self.model.eval()

    def drop_parts(self) -> None:
        """Leave the combination as the model's only adapter."""
        for name in self._names:
            self.model.delete_adapter(name)


def _concatenate(model: PeftModel, names: Sequence[str], weight: float) -> None:
    """Give a combination of method `cat` its matrices once more, in the dtype of its parts.

    PEFT copies them into matrices of the base's dtype: on one of bfloat16 that costs most of their digits.
    """
    import torch
    from peft.tuners.lora import LoraLayer

    for module in model.modules():
        if not isinstance(module, LoraLayer):
            continue
        for downs, ups in ((module.lora_A, module.lora_B), (module.lora_embedding_A, module.lora_embedding_B)):
            if COMBINED in downs:
                parts = [name for name in names if name in downs]
                scaled = [_matrix(downs[name]).data * weight * module.scaling[name] for name in parts]
                _matrix(downs[COMBINED]).data = torch.cat(scaled, dim=0)
                _matrix(ups[COMBINED]).data = torch.cat([_matrix(ups[name]).data for name in parts], dim=1)


def _matrix(part: Any) -> Any:
    """The parameter of a linear layer's A or B, or an embedding's, which is one itself."""
    return getattr(part, "weight", part)


def _undo_scale(model: PeftModel) -> None:
    """Let a combination have the scale 1, which PEFT puts into its matrices.

    PEFT sets alpha to the rank. Under rsLoRA the scale is alpha / sqrt(rank), and would be sqrt(rank).
    """
    from peft.tuners.lora import LoraLayer

    config: Any = model.peft_config[COMBINED]
    config.use_rslora = False
    for module in model.modules():
        if isinstance(module, LoraLayer) and COMBINED in module.scaling:
            module.scaling[COMBINED] = config.lora_alpha / config.r
