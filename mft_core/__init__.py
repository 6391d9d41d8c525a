"""mft: multi-task fine-tuning of language models. This package is the core; it imports no plugin."""

from __future__ import annotations

from mft_core.api import load_model, load_tokenizer

__all__ = ["load_model", "load_tokenizer"]
__version__ = "0.1.0"
