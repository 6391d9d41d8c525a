"""mft: multi-task fine-tuning of language models. This package is the core; it imports no plugin."""

__version__ = "0.1.0"
