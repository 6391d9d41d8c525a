"""The load-balancing loss of mixture-of-experts models, which keeps routers from sending all tokens to few experts.

It is a function of a whole micro-batch (Fedus et al. 2021, arXiv 2101.03961, equations 4 to 6), so unlike the
multi-task objective it depends on which tokens share one; a step takes the mean over its real tokens.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

ROUTER_INPUTS = {"output_router_logits": True}
"""What the model's forward must be told."""


@dataclass(frozen=True, slots=True)
class RouterLoss:
    """One model's.

    Attributes:
        coefficient: factor of the loss in the objective.
        experts: in each layer.
        experts_per_token: how many of them a token goes to.
    """

    coefficient: float
    experts: int
    experts_per_token: int

    def __call__(self, outputs: Any, real: torch.Tensor) -> torch.Tensor:
        """Scalar, the coefficient included.

        Args:
            outputs: of the model's forward with `ROUTER_INPUTS`; `router_logits` holds [B * S, experts] a layer.
            real: bool [B, S], False for padding.
        """
        from transformers.models.mixtral.modeling_mixtral import load_balancing_loss_func

        logits = outputs.router_logits
        found = load_balancing_loss_func(logits, self.experts, self.experts_per_token, real.to(logits[0].dtype))
        return self.coefficient * found
