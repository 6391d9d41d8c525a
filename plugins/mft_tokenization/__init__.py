"""Records to token ids: chat templates, and which of their tokens are supervised."""

from __future__ import annotations

from collections.abc import Sequence

from mft_core.hookspecs import Component, hookimpl


@hookimpl
def mft_tokenizations() -> Sequence[Component]:
    """The bundled tokenizations."""
    module = "mft_tokenization.tokenizations"
    return [
        Component("auto", f"{module}:Auto", "the tokenizer's own chat template if it has one, else mftcoder"),
        Component("chat", f"{module}:Chat", "the tokenizer's own chat template"),
        Component("mftcoder", f"{module}:MftCoder", "MFTCoder's roles: <s>human, <s>bot"),
        Component("chatml", f"{module}:ChatMl", "ChatML: <|im_start|>user ... <|im_end|>"),
        Component("alpaca", f"{module}:Alpaca", "Alpaca: ### Instruction, ### Response"),
    ]
