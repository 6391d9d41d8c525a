"""Model families, their checkpoints in any published format, their tokenizers and number formats.

Start with `adapter` (what a family's plugin says) and `loading` (a folder to a native transformers model).
"""
