"""Events of a run: one JSON object a line in metrics.jsonl, also shown to listeners."""
