"""Several of torch's optimizers as one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

KIND = "kind"
"""Key of a parameter group: the class that takes its steps."""


class SideBySide(torch.optim.Optimizer):
    """Optimizers that each take the steps of some groups, as one with all their groups and states.

    Args:
        parts: of different classes, new.
    """

    def __init__(self, parts: Sequence[torch.optim.Optimizer]) -> None:
        self._parts = {type(part).__name__: part for part in parts}
        groups = [{**group, KIND: kind} for kind, part in self._parts.items() for group in part.param_groups]
        super().__init__(groups, {})

    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """A step of each; groups and states are this one's, whatever has been loaded into it."""
        with torch.enable_grad():
            loss = closure() if closure else None
        for kind, part in self._parts.items():
            part.param_groups = [group for group in self.param_groups if group[KIND] == kind]
            part.state = self.state
            part.step()
        return loss
