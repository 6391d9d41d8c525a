"""Tokenizers of checkpoints that come without a tokenizer.json: read from their own files, fast, without remote code.

Start with `loading`.
"""
