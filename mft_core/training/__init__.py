"""The loop: steps, checkpoints, probes, warnings, model selection, sharding.

Start with `trainer`; `step` is one optimizer step of it.
"""
