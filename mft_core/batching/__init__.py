"""Tokens to rows to tensors: which samples meet in which optimizer step, as a pure function of the seed.

Start with `batch_plan`; `packing` is what a plugin implements, `collate` makes the tensors.
"""
