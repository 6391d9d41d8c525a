"""What a probe of the tasks' gradients costs: its share of a run, and the main memory of many large gradients.

    python benchmarks/gradient_probe.py --base smollm2       # beside the same run without it
    python benchmarks/gradient_probe.py --base tiny
    python benchmarks/gradient_probe.py --store              # 100 gradients of 40 million numbers

A run's share: in one process, round by round, a cycle of `--every` optimizer steps of the trainer (LoRA of rank 8, five tasks of
the `stdlib` source, `--rows` rows of `--length` tokens a step) and one probe of `--samples` samples of each task, each timed.
Overhead is the probe's time over the cycle's. As few as `--timed` steps of a cycle are run, the others taken to last as long.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from resident import peak_mb

from mft_core.objective.gradient_balancer import GradientOptions
from mft_core.objective.gramians import Gramians
from mft_core.training.gradient_probe import GradientProbe
from mft_core.training.gradient_store import gradient_store
from mft_core.training.trainer import Trainer

ELEMENTS = 40_000_000
TENSORS = 224
TASKS = 100
