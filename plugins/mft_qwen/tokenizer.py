"""Qwen v1's tokenizer (qwen.tiktoken), as QWenTokenizer published with Qwen/Qwen-7B reads it."""

from __future__ import annotations

from mft_core.models.tokenizers.family import TokenizerFamily

FILE = "qwen.tiktoken"
CONTROLS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", *(f"<|extra_{number}|>" for number in range(205)))
QWEN_V1 = TokenizerFamily(
    beginning=(),
    appended=CONTROLS,
    controls=CONTROLS,
    end="<|endoftext|>",
    padding="<|endoftext|>",
    unknown="<|endoftext|>",  # never needed, but transformers names it so when it loads a Qwen 2
    pattern=(
        r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
        r"|\s+(?!\S)|\s+"
    ),
    compose=True,
)
