"""One run: what is planned before weights load, what carries it out, its folder, its results, its evaluations.

Start with `plan` and `training`.
"""
