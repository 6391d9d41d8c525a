"""What a probe of the tasks' gradients costs: its share of a run, and the main memory of many large gradients.

    OMP_NUM_THREADS=1 python benchmarks/gradient_probe.py --base smollm2
    OMP_NUM_THREADS=1 python benchmarks/gradient_probe.py --base llama
    OMP_NUM_THREADS=1 python benchmarks/gradient_probe.py --store

A run's share: LoRA of rank 8 on five tasks of random tokens, in one process, round by round `--steps` optimizer steps
as the trainer takes them and one probe of two samples a task, as often as gradient balancers ask for it. The share is
the probe's time over that of `every` steps, and what it should be: the probe's tokens over theirs. Time is the
processor time of the process, so that others on the machine matter less; run it with one thread.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import numpy as np
import torch
from accelerate import Accelerator
from resident import peak_mb
from torch import nn
from transformers import AutoModelForCausalLM, LlamaConfig

from mft_core import load_model
from mft_core.batching.batch_plan import BatchPlan
from mft_core.evaluation.losses import EvaluationContext
from mft_core.nn.packed_attention import PACKED_ATTENTION, register_packed_attention
from mft_core.nn.token_losses import TokenLossModel
from mft_core.objective.gradient_balancer import GradientOptions
from mft_core.objective.gramians import cosines
from mft_core.objective.loss import ProbeRequest
from mft_core.recipe.schema import TrainSection
from mft_core.testing.samples import random_table, table_counts
from mft_core.testing.tuned_models import tuned_model
from mft_core.training.gradient_probe import GradientProbe, ProbedData
from mft_core.training.gradient_store import gradient_store
from mft_core.training.step import Stepper
from mft_losses.balanced import Balanced
from mft_optimizers.adamw import AdamW
from mft_packing.best_fit import BestFit

TASKS, SAMPLES = 5, 60
VOCABULARY = 32_000
MANY_TASKS, ELEMENTS, TENSORS = 100, 40_000_000, 448


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--base", default="smollm2", help="llama: 4 layers of 256 with random weights")
    parser.add_argument("--rows", type=int, default=4, help="a step")
    parser.add_argument("--length", type=int, default=512, help="of a row, and of the longest sample")
    parser.add_argument("--steps", type=int, default=1, help="timed in each round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--store", action="store_true", help=f"{MANY_TASKS} gradients of {ELEMENTS:,} numbers instead")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    if arguments.store:
        measure_store()
    else:
        measure_share(arguments)


def measure_share(arguments: argparse.Namespace) -> None:
    """A table of a line for each round."""
    model = TokenLossModel(tuned_model(base(arguments.base), rank=8, alpha=16)).train()
    table = random_table([SAMPLES] * TASKS, vocabulary=VOCABULARY, longest=arguments.length)
    accelerator = Accelerator(cpu=True)
    counts, loss, options = table_counts(table), Balanced(), GradientOptions()
    loss.start(counts)
    settings = TrainSection(batch_size=arguments.rows, micro_batch_size=1)
    plan = BatchPlan(table, BestFit(), arguments.length, arguments.rows, seed=0)
    stepper = Stepper(model, loss, plan, settings, accelerator, AdamW())
    context = EvaluationContext(model, counts.names, table, BestFit(), arguments.length, 1, accelerator)
    request = ProbeRequest(options.probe_samples, options.every, options.every, gradients="train")
    probe = GradientProbe(ProbedData(context, context), request, "tokens", 0, receive=lambda gramians: None)
    probed_tokens = counting_tokens(model)

    def step(number: int) -> None:
        rows, step_counts = plan.step(number)
        stepper.optimize(rows, step_counts, loss.task_weights(), 1e-4, number)

    step(0)
    probed_tokens()
    shares = []
    print(f"| round | tokens of a step | seconds | tokens of the probe | seconds | share of {options.every} steps |")
    print("| --- | --- | --- | --- | --- | --- |")
    for number in range(arguments.rounds):
        numbers = range(number * arguments.steps, (number + 1) * arguments.steps)
        step_seconds = seconds(lambda numbers=numbers: [step(each) for each in numbers]) / arguments.steps
        step_tokens = probed_tokens() / arguments.steps
        probe_seconds = seconds(lambda number=number: probe.measure(number * options.every))
        tokens = probed_tokens()
        shares.append((probe_seconds / step_seconds / options.every, tokens / step_tokens / options.every))
        share = "{:.1%}; by tokens {:.1%}".format(*shares[-1])
        print(
            f"| {number + 1} | {step_tokens:,.0f} | {step_seconds:.2f} | {tokens:,} | {probe_seconds:.2f} | {share} |"
        )
    found, expected = (statistics.median(column) for column in zip(*shares, strict=True))
    print(f"\nmedian {found:.1%}, by tokens {expected:.1%}")


def base(name: str) -> nn.Module:
    """A model in float32."""
    if name != "llama":
        return load_model(name)
    register_packed_attention()
    config = LlamaConfig(
        vocab_size=VOCABULARY, hidden_size=256, intermediate_size=1024, num_hidden_layers=4, num_attention_heads=4
    )
    return AutoModelForCausalLM.from_config(config, dtype=torch.float32, attn_implementation=PACKED_ATTENTION)


def counting_tokens(model: nn.Module) -> Callable[[], int]:
    """Tokens, without padding, that the model has processed since the function was last called."""
    seen = [0]

    def count(module: nn.Module, inputs: tuple) -> None:
        seen[0] += inputs[0].real_tokens

    model.register_forward_pre_hook(count)

    def taken() -> int:
        found, seen[0] = seen[0], 0
        return found

    return taken


def seconds(work: Callable[[], object]) -> float:
    """Processor time of this process."""
    started = time.process_time()
    work()
    return time.process_time() - started


def measure_store() -> None:
    """Memory and time of taking in a g + c h, g and h random, and how far off the cosines are."""
    generator = torch.Generator().manual_seed(0)
    parts = [torch.randn(2, ELEMENTS // TENSORS, generator=generator) for _ in range(TENSORS)]
    elements = sum(part.shape[1] for part in parts)
    mixes = np.linspace(-1, 1, MANY_TASKS)
    products = sum((part.double() @ part.double().T for part in parts), torch.zeros(2, 2, dtype=torch.float64)).numpy()
    expected = np.stack([np.ones(MANY_TASKS), mixes], 1) @ products @ np.stack([np.ones(MANY_TASKS), mixes])
    found: list[np.ndarray] = []

    def work(tasks: int) -> None:
        store = gradient_store(MANY_TASKS, elements, 4, seed=0)
        for task in range(tasks):
            store.put(task, [part[0] + float(mixes[task]) * part[1] for part in parts])
        found.append(store.gramian().numpy())

    work(1)
    took: list[float] = []
    peak = peak_mb(lambda: took.append(seconds(lambda: work(MANY_TASKS))))
    off = cosines(found[-1]) - cosines(expected)
    print(f"{MANY_TASKS} gradients of {elements:,} float32 numbers: {took[0]:.1f} s, {took[0] / MANY_TASKS:.2f} s each")
    print(f"peak {peak:,.0f} MB beyond what was there, of it {elements * 4 / 2**20:,.0f} MB the one at hand")
    print(f"cosines off by {np.abs(off).mean():.4f} on average, {np.abs(off).max():.4f} at most")


if __name__ == "__main__":
    main()
