"""Where the time of one training step goes, on a CPU: a packed row through SmolLM2 with LoRA, forward and backward.

    python benchmarks/step_profile.py
    python benchmarks/step_profile.py --dtype bfloat16

Shares of the operators' own time, as torch's profiler sees it; it slows them, small ones most.
"""

from __future__ import annotations

import argparse

import numpy as np
import torch
from torch.profiler import ProfilerActivity, profile

from mft_core import load_model
from mft_core.batching.collate import collate
from mft_core.batching.sample_table import SampleTable
from mft_core.nn.token_losses import TokenLossModel
from mft_core.records import Batch, Sample
from mft_core.testing.samples import ListStore
from mft_core.testing.tuned_models import tuned_model

LENGTHS = (400, 320, 300)
SUPERVISED = 0.33
GROUPS = {
    "matrix products": ("aten::mm", "aten::addmm", "aten::bmm"),
    "attention": ("aten::_scaled_dot_product",),
}


def main() -> None:
    """Print the shares as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dtype", default="float32", choices=["float32", "bfloat16"])
    base = load_model("smollm2", dtype=parser.parse_args().dtype)
    torch.manual_seed(0)
    model = TokenLossModel(tuned_model(base, rank=8, alpha=16, dropout=0.0)).train()
    batch = packed_row()
    step(model, batch)
    with profile(activities=[ProfilerActivity.CPU]) as profiler:
        step(model, batch)
    times = {event.key: event.self_cpu_time_total for event in profiler.key_averages()}
    total = sum(times.values())
    shares = {name: sum(t for key, t in times.items() if key.startswith(keys)) / total for name, keys in GROUPS.items()}
    shares["everything else"] = 1 - sum(shares.values())
    print(f"{sum(LENGTHS):,} tokens in {len(LENGTHS)} documents, {total / 1e6:.2f} s\n\n| | share |\n| --- | --- |")
    for name, share in shares.items():
        print(f"| {name} | {share:.0%} |")


def packed_row() -> Batch:
    """One row of documents of random tokens, some of them supervised."""
    generator = np.random.default_rng(0)
    samples = [Sample(generator.integers(100, 40_000, n), generator.random(n) < SUPERVISED) for n in LENGTHS]
    return collate([np.arange(len(samples))], SampleTable([ListStore(samples)]))


def step(model: TokenLossModel, batch: Batch) -> None:
    """Forward and backward of the mean loss."""
    model(batch).cross_entropy.mean().backward()
    model.zero_grad()


if __name__ == "__main__":
    main()
