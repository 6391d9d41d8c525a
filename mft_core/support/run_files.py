"""The names of what lies in a run's folder; docs/training.md says what each holds."""

from __future__ import annotations

RUNS = "runs"
"""The folder that holds them, where the user names none."""
RECIPE = "recipe.toml"
COMPONENTS = "components.json"
METRICS = "metrics.jsonl"
QUARANTINE = "quarantine.jsonl"
CHECKPOINTS = "checkpoints"
EVALUATIONS = "evaluations"
FINAL = "final"
AFFINITY = "affinity.json"
LOCK = ".lock"
MAKING = ".making"
"""In the task folder that `mft data make` writes, a folder for what is no data: hidden, so that nobody reads it."""
MADE = "make.json"
