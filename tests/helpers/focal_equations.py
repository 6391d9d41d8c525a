"""Equations (2) and (3) by nested loops, on made-up tokens."""

from __future__ import annotations

import numpy as np
import torch

from mft_core.interfaces import Loss
from mft_core.records import TaskCounts, TaskLosses, TokenLosses


def started(loss: Loss, counts: TaskCounts) -> Loss:
    loss.start(counts)
    return loss


def made_up(seed: int = 0, sizes: tuple[tuple[int, ...], ...] = ((3, 1), (2, 5, 1), (4,))) -> TokenLosses:
    """Random cross-entropies; `sizes[i]` are the supervised tokens of task i's samples. The tokens are shuffled."""
    lengths = [length for task in sizes for length in task]
    tasks = [number for number, task in enumerate(sizes) for _ in task]
    sample = torch.repeat_interleave(torch.arange(len(lengths)), torch.tensor(lengths))
    generator = torch.Generator().manual_seed(seed)
    sample = sample[torch.randperm(len(sample), generator=generator)]
    values = 0.05 + 3 * torch.rand(len(sample), generator=generator, dtype=torch.float64)
    return TokenLosses(values, torch.tensor(tasks)[sample], sample, torch.tensor(lengths)[sample])


def counts_of(tokens: TokenLosses) -> TaskCounts:
    """The counts of a training set that consists of these tokens."""
    task_of = {int(sample): int(task) for sample, task in zip(tokens.sample, tokens.task, strict=True)}
    samples = np.bincount(list(task_of.values()))
    names = tuple(f"task{index}" for index in range(len(samples)))
    return TaskCounts(names, samples, np.bincount(tokens.task.numpy()), np.ones(len(samples)))


def losses_of(tokens: TokenLosses, tasks: int) -> TaskLosses:
    """Their sums, by loops."""
    total = TaskLosses.zeros(tasks)
    for task, sample in {(int(t), int(s)) for t, s in zip(tokens.task, tokens.sample, strict=True)}:
        mine = tokens.cross_entropy.detach()[tokens.sample == sample]
        total.token_sum[task] += float(mine.sum())
        total.tokens[task] += len(mine)
        total.sample_sum[task] += float(mine.mean())
        total.samples[task] += 1
        total.probability_sum[task] += float(torch.exp(-mine).mean())
    return total


def equation_2(tokens: TokenLosses, tasks: int, gamma: float, alpha: list[float]) -> list[torch.Tensor]:
    """L_i of every task by nested loops: (1 / M_i) sum_j -alpha_i (1 - P_ij)^gamma Q_ij."""
    found = []
    for task in range(tasks):
        terms = []
        for sample in sorted(set(tokens.sample[tokens.task == task].tolist())):
            log_p = -tokens.cross_entropy[tokens.sample == sample]
            mean_p, mean_log_p = log_p.exp().sum() / len(log_p), log_p.sum() / len(log_p)
            terms.append(-alpha[task] * (1 - mean_p) ** gamma * mean_log_p)
        found.append(torch.stack(terms).sum() / len(terms) if terms else torch.zeros((), dtype=torch.float64))
    return found


def equation_3(tokens: TokenLosses, tasks: int, gamma: float, alpha: list[float]) -> list[torch.Tensor]:
    """L_i of every task by nested loops: -alpha_i (1 - P_i)^gamma Q_i."""
    found = []
    for task in range(tasks):
        p, log_p = [], []
        for sample in sorted(set(tokens.sample[tokens.task == task].tolist())):
            values = -tokens.cross_entropy[tokens.sample == sample]
            p.append(values.exp().sum() / len(values))
            log_p.append(values.sum() / len(values))
        if not p:
            found.append(torch.zeros((), dtype=torch.float64))
            continue
        mean_p, mean_log_p = torch.stack(p).sum() / len(p), torch.stack(log_p).sum() / len(p)
        found.append(-alpha[task] * (1 - mean_p) ** gamma * mean_log_p)
    return found


EQUATIONS = {"focal-sample": equation_2, "focal-task": equation_3}
