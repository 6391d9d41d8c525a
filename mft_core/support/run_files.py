"""The names of what lies in a run's folder; docs/training.md says what each holds."""

from __future__ import annotations

RECIPE = "recipe.toml"
COMPONENTS = "components.json"
METRICS = "metrics.jsonl"
QUARANTINE = "quarantine.jsonl"
CHECKPOINTS = "checkpoints"
EVALUATIONS = "evaluations"
FINAL = "final"
LOCK = ".lock"
