"""What a model family's own code adds to its vocabulary file."""

from __future__ import annotations

from dataclasses import dataclass

BYTE_PAIR_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+"
    r"|\s+(?!\S)|\s+"
)
"""How tiktoken's cl100k_base cuts text into words; Llama 3 and GLM-4 do the same."""


@dataclass(frozen=True, slots=True)
class TokenizerFamily:
    """A tokenizer beside its vocabulary file, as the family's original code has it. The defaults are Llama's.

    Attributes:
        beginning: tokens put before every text; None: the vocabulary's own beginning token.
        appended: names of the ids that follow the vocabulary file's last, in order.
        controls: names, among these and the file's, that are recognised where a chat template writes them. All
            others exist by id only, so that no text can be mistaken for them.
        chat_template: Jinja, where the checkpoint has none of its own.
        end: name of the end token; "": the file's own.
        padding: name of the padding token; "": none.
        unknown: name of the unknown token; "": the file's own.
        pattern: for tiktoken ranks: regular expression of the words that text is cut into.
        compose: for tiktoken ranks: bring text into Unicode's composed form (NFC) first.
    """

    beginning: tuple[str, ...] | None = None
    appended: tuple[str, ...] = ()
    controls: tuple[str, ...] = ()
    chat_template: str | None = None
    end: str = ""
    padding: str = ""
    unknown: str = ""
    pattern: str = BYTE_PAIR_PATTERN
    compose: bool = False
