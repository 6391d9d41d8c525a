"""Measures of a model: losses per task, and answers that are written, judged and scored, each step on its file.

Start with `evaluator`, what a plugin implements; `generative` is for measures of what a model writes.
"""
