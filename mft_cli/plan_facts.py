"""What is known of a run before it: the facts that its plan prints, and that `--json` gives."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class TaskFacts:
    """One task before training; counts of samples, except `tokens` and `supervised` (of the training samples), and
    what training samples and supervised tokens count as by their weights; None: they have none. `max_length` and
    `tokenization` are the task's own, `system` is put before its conversations; none: None, ""."""

    name: str
    train: int
    valid: int
    tokens: int
    supervised: int
    dropped: int = 0
    truncated: int = 0
    split: int = 0
    bad: int = 0
    left_out: int = 0
    unseen: int = 0
    weight: float = 1.0
    repeat: float = 1.0
    weighted_samples: float | None = None
    weighted_tokens: float | None = None
    max_length: int | None = None
    system: str = ""
    tokenization: str = ""

    @property
    def weighted(self) -> int:
        """What the supervised tokens count as, in whole tokens."""
        return self.supervised if self.weighted_tokens is None else round(self.weighted_tokens)


@dataclass(frozen=True, slots=True)
class ProbeFacts:
    """What a loss has measured besides training.

    Attributes:
        samples, tokens: how many at a time.
        every: optimizer steps between two measurements.
        of: whose they are: "validation", "training", or "training and validation".
        gradients: their gradients are taken, not only their losses.
    """

    samples: int
    tokens: int
    every: int
    of: str = "validation"
    gradients: bool = False


@dataclass(frozen=True, slots=True)
class AffinityFacts:
    """How who helps whom is measured.

    Attributes:
        every: optimizer steps between two measurements.
        measurements: how many.
        samples: of one, on both sides.
        trial_steps: of one.
        share: work of all measurements over that of the run's steps.
    """

    every: int
    measurements: int
    samples: int
    trial_steps: int
    share: float


@dataclass(frozen=True, slots=True)
class PlanFacts:
    """What a run is going to do. None: not known before the weights are loaded.

    Attributes:
        adapter, base: the model family and where its weights come from.
        random_weights: the base is untrained.
        dtype, device: such as "bfloat16" and "cuda:0".
        tuning: such as "LoRA, rank 16, all-linear".
        trainable, total: numbers of parameters.
        tasks: those that are trained, in the run's order.
        watched: those that are only measured.
        packer, rows, packing_efficiency: tokens that are not padding over all tokens, 0 to 1.
        steps, epochs: optimizer steps and passes over the data.
        optimizer: what takes the steps, such as "adamw".
        batch_rows: rows per optimizer step, over all ranks.
        tokens_per_step: mean tokens that are not padding.
        memory: estimated peak, bytes.
        loss, loss_options: the objective and its options.
        probe: what it has measured besides; None: nothing.
        affinity: how who helps whom is measured; None: it is not.
        output: the run folder; None: nothing is written.
        warnings: shown last, where they are seen.
    """

    adapter: str
    base: str
    random_weights: bool
    dtype: str
    device: str
    tuning: str
    tasks: Sequence[TaskFacts]
    packer: str
    rows: int
    packing_efficiency: float
    steps: int
    epochs: float
    batch_rows: int
    tokens_per_step: float
    loss: str
    loss_options: Mapping[str, Any] = field(default_factory=dict)
    optimizer: str = ""
    probe: ProbeFacts | None = None
    affinity: AffinityFacts | None = None
    trainable: int | None = None
    total: int | None = None
    memory: int | None = None
    gradient_checkpointing: bool = False
    output: Path | None = None
    watched: Sequence[TaskFacts] = ()
    warnings: Sequence[str] = ()
