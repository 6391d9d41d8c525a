"""The objects that flow through a run, in the order in which they come into being."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from mft_core.support.reading import EVERY_SAMPLE, ReaderChoice, RecordForm, TaskSampling
from mft_core.support.shared_files import SharedFiles
from mft_core.support.unicode_names import composed
from mft_core.task_losses import TaskLosses as TaskLosses

if TYPE_CHECKING:
    import torch

IGNORED_LABEL = -100


@dataclass(frozen=True, slots=True)
class TaskFiles:
    """One task as a data source hands it over: files on disk, and how to read them.

    Attributes:
        name: the task's name, unique in a run; validated by `mft_core.data.task_files.check_names`. Whatever Unicode
            form it is given in, here and wherever it is written it is in NFC.
        train: training files.
        valid: validation files; empty means "split off `valid_fraction` of the training records".
        weight: the task's relative importance in the objective.
        reader: of all its files; None: for each the one that its suffix asks for.
        form: of the records in all of them; None: as [data] of the recipe says.
        sampling: which samples it has, where it is not as [data] says.
        addresses: of `train` and `valid`, pinned, where they were fetched ("hf:ORG/NAME@COMMIT"); "": they were not.
        shared: of files in which it is not alone, which records belong to it: those of a value that its name stands
            for. None: all of them do.
        of_entry: the name of what was given by its files, of which it is a part; "": it was given so itself.
    """

    name: str
    train: tuple[Path, ...]
    valid: tuple[Path, ...] = ()
    weight: float = 1.0
    reader: ReaderChoice | None = None
    form: RecordForm | None = None
    sampling: TaskSampling = EVERY_SAMPLE
    addresses: tuple[str, str] = ("", "")
    shared: SharedFiles | None = None
    of_entry: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", composed(self.name))


class Turn(NamedTuple):
    """One message.

    Attributes:
        role: "system", "user", "assistant", "tool" (a call's result) or "tools" (content: a JSON list of them).
        content: what it says; an answer may begin with a thought (`mft_core.support.thoughts`).
        weight: of an answer: the factor on its tokens' weight in the objective; 0: not supervised.
        calls: of an answer: JSON list of calls of tools after what it says: "name", "arguments" (object), maybe "id".
        call_id: of a result: the id of the call, if it has one.
        name: of a result: the tool's, if it is known.
    """

    role: str
    content: str
    weight: float = 1.0
    calls: str = ""
    call_id: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True)
class Record:
    """One conversation (`turns`) or one piece of plain text (`text`); exactly one of the two is set.

    Attributes:
        turns: tools, system (at most one each), then user and assistant in alternation, results of tools after an
            answer; ending with assistant.
        text: plain text, all of it supervised but for what `segments` says.
        origin: "file:line", for messages.
        weight: the factor on all its tokens' weight in the objective, beside that of their turn; 0: not supervised.
        thoughts_left_out: how many answers had a thought that `RecordForm.reasoning` leaves out.
        segments: of the text, how many characters each has and whether it is supervised. The text is then the author's
            layout: its control tokens are the tokenizer's, and none are added. (): there is nothing to it.
    """

    turns: tuple[Turn, ...] = ()
    text: str | None = None
    origin: str = ""
    weight: float = 1.0
    thoughts_left_out: int = 0
    segments: tuple[tuple[int, bool], ...] = ()

    @property
    def is_document(self) -> bool:
        """Whether it is plain text that is learned wherever it begins, so that it may be split."""
        return self.text is not None and not self.segments


@dataclass(frozen=True, slots=True)
class Sample:
    """One tokenised record.

    Attributes:
        ids: int64 [length], token ids.
        supervised: bool [length]; True where the token is a target. Element 0 is always False: a first
            token has no context to be predicted from.
        weights: float64 [length], w_ijk, each target's factor in the objective, above 0; 0 elsewhere. None: all are 1.
    """

    ids: np.ndarray
    supervised: np.ndarray
    weights: np.ndarray | None = None

    def part(self, start: int, end: int) -> Sample:
        """Tokens `start` to `end` - 1 as a sample, whose first token is thus no target."""
        supervised = self.supervised[start:end].copy()
        supervised[0] = False
        weights = None if self.weights is None else self.weights[start:end] * supervised
        return Sample(self.ids[start:end], supervised, weights)

    def times(self, factor: float) -> Sample:
        """The same where every target counts `factor` times as much."""
        if factor == 1.0:
            return self
        return Sample(self.ids, self.supervised, factor * (self.supervised if self.weights is None else self.weights))


@dataclass(frozen=True, slots=True)
class TaskCounts:
    """The whole training set in numbers; every objective is normalised by these.

    Where the data has weights, a token counts w_ijk, and a sample the mean weight of its supervised tokens, W_ij / T_ij
    with W_ij = sum_k w_ijk.

    Attributes:
        names: the tasks, in task-id order.
        samples: int64 [N], M_i; float64, sum_j W_ij / T_ij, where there are weights. Those of a task that is repeated
            (`TaskSampling.repeat`) count as often, float64 too.
        tokens: int64 [N], supervised tokens, sum_j T_ij; float64, sum_j W_ij, where there are weights; likewise.
        importance: float64 [N], the recipe's `weight` of each task.
        repeats: float64 [N], how often each of `samples` is used per epoch on average; None: once.
    """

    names: tuple[str, ...]
    samples: np.ndarray
    tokens: np.ndarray
    importance: np.ndarray
    repeats: np.ndarray | None = None

    @property
    def epoch_samples(self) -> np.ndarray:
        """float64 [N]: samples of each task in an epoch, as often as they come; what losses by samples divide by."""
        return self.samples * (1.0 if self.repeats is None else self.repeats)

    @property
    def epoch_tokens(self) -> np.ndarray:
        """float64 [N]: supervised tokens of each task in an epoch, expected; what losses by tokens divide by."""
        return self.tokens * (1.0 if self.repeats is None else self.repeats)

    def sizes(self, by: str) -> np.ndarray:
        """float64 [N]: the tasks' own sizes, by "tokens" or by "samples"."""
        return (self.tokens if by == "tokens" else self.samples).astype(np.float64)

    def __len__(self) -> int:
        return len(self.names)


@dataclass(frozen=True, slots=True)
class PackedRows:
    """Which samples share a row.

    Row r holds `members[offsets[r]:offsets[r + 1]]`, in that order.

    Attributes:
        members: int64 [samples], each sample index exactly once.
        offsets: int64 [rows + 1], ascending from 0 to the number of samples.
    """

    members: np.ndarray
    offsets: np.ndarray

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, row: int) -> np.ndarray:
        return self.members[self.offsets[row] : self.offsets[row + 1]]


@dataclass(slots=True)
class Batch:
    """One micro-batch: `B` rows of `S` tokens, holding `m` whole samples.

    Attributes:
        input_ids: int64 [B, S].
        position_ids: int64 [B, S], restarting at 0 with every sample.
        labels: int64 [B, S]; labels[b, s] is the token that follows position s within its own sample if
            that token is supervised, else IGNORED_LABEL.
        sample_index: int64 [B, S], 0..m-1: which of the batch's samples a position belongs to (-1: padding).
        sample_task: int64 [m], task id of each sample.
        sample_tokens: int64 [m], supervised tokens T_ij of each sample.
        sample_ids: int64 [m], index of each sample in its token store, to name it in messages.
        documents: (row, start, end) of every sample and of every row's padding tail.
        weights: float64 [B, S], w_ijk of the targets in `labels`, 0 elsewhere; None: the data has no weights.
    """

    input_ids: torch.Tensor
    position_ids: torch.Tensor
    labels: torch.Tensor
    sample_index: torch.Tensor
    sample_task: torch.Tensor
    sample_tokens: torch.Tensor
    sample_ids: torch.Tensor
    documents: tuple[tuple[int, int, int], ...]
    weights: torch.Tensor | None = None

    @property
    def real_tokens(self) -> int:
        """Tokens that are not padding."""
        return int((self.sample_index >= 0).sum())

    def to(self, device: torch.device) -> Batch:
        """The same batch with its tensors on `device`."""
        moved = {
            name: getattr(self, name).to(device, non_blocking=True)
            for name in (
                "input_ids", "position_ids", "labels", "sample_index", "sample_task", "sample_tokens", "sample_ids",
            )
        }  # fmt: skip
        weights = None if self.weights is None else self.weights.to(device, non_blocking=True)
        return Batch(documents=self.documents, weights=weights, **moved)


@dataclass(slots=True)
class TokenLosses:
    """What a loss sees of one micro-batch: its `n` supervised tokens in `m` samples. Never logits.

    Attributes:
        cross_entropy: [n], -log p of the target, float32 (float64 in a float64 run), differentiable.
        task: int64 [n], task id per token: a packed row may mix tasks.
        sample: int64 [n], 0..m-1.
        sample_tokens: int64 [n], T_ij of the token's sample. A sample is never split over micro-batches.
        router_loss: scalar, of a mixture of experts in training; no part of any task's loss. None: there is none.
        weight: [n], w_ijk, in the dtype of the losses; None: the data has no weights, every token counts 1.
    """

    cross_entropy: torch.Tensor
    task: torch.Tensor
    sample: torch.Tensor
    sample_tokens: torch.Tensor
    router_loss: torch.Tensor | None = None
    weight: torch.Tensor | None = None


@dataclass(frozen=True, slots=True)
class StepCounts:
    """One optimizer step in numbers, over all micro-batches and ranks; known before its first forward.

    Attributes:
        samples: int64 [N]; weighted as in `TaskCounts` where there are weights.
        tokens: int64 [N], supervised tokens; weighted likewise.
        steps_per_epoch: optimizer steps in this epoch.
        losses: the step's losses before it, where the objective asked for them (`measures_step_first`).
    """

    samples: np.ndarray
    tokens: np.ndarray
    steps_per_epoch: int
    losses: TaskLosses | None = None


@dataclass(frozen=True, slots=True)
class Score:
    """One number an evaluator found.

    Attributes:
        task: the task or set measured.
        metric: such as "loss", "perplexity", "pass@1".
        value: the score.
        n: how many items it rests on.
        protocol: everything that must be equal for two scores to be comparable, as a short identifier.
        interval: lower and upper end of the 95% confidence interval; None where the value is exact.
        details: more about it, JSON values only; "best": a perfect value; "not_measured" (then the value
            is NaN and n is 0): why.
    """

    task: str
    metric: str
    value: float
    n: int
    protocol: str
    interval: tuple[float, float] | None = None
    details: dict[str, object] = field(default_factory=dict)
