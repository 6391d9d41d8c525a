"""Measuring what a model writes: items to prompts, samples, completions, verdicts and scores, each step on its file."""
