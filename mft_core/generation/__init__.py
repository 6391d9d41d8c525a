"""Answers of a model: prompts laid out as in training, written one by one or in batches.

Start with `assistant`; `opening` makes one of a run folder or a base.
"""
