"""Small tokenizers of several builds, trained on the spot."""

from __future__ import annotations

import functools
import json
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

CHATML_TOKENS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")
LLAMA_TOKENS = ("<unk>", "<s>", "</s>")
KINDS = ("byte", "byte-prefix", "metaspace-first", "metaspace-always", "prepend")


def small_tokenizer(kind: str = "byte", *added: AddedToken, **options: object) -> PreTrainedTokenizerFast:
    """A fresh tokenizer of 600 tokens or so.

    Args:
        kind: "byte" as Qwen, "byte-prefix" the same with a space before the text, the others as Llama: with a space
            before the text, or before every piece of text.
        added: further tokens.
        options: of PreTrainedTokenizerFast.
    """
    backend = Tokenizer.from_str(_trained(kind))
    if added:
        backend.add_tokens(list(added))
    specials = {"eos_token": "<|endoftext|>"} if kind.startswith("byte") else LLAMA_SPECIALS
    return PreTrainedTokenizerFast(tokenizer_object=backend, **{**specials, **options})


LLAMA_SPECIALS = {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>"}


@functools.cache
def _trained(kind: str) -> str:
    if kind.startswith("byte"):
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=kind == "byte-prefix")
        tokenizer.decoder = decoders.ByteLevel()
        alphabet, specials = pre_tokenizers.ByteLevel.alphabet(), CHATML_TOKENS
    else:
        tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
        if kind == "prepend":
            tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
            tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex(r"(?<=[^▁])(?=▁)|(?<=\n)|(?=\n)"), "isolated")
        else:
            tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme=kind.removeprefix("metaspace-"))
        tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
        alphabet, specials = [chr(code) for code in range(32, 127)] + ["\n", "▁"], LLAMA_TOKENS
    trainer = trainers.BpeTrainer(
        vocab_size=600, initial_alphabet=alphabet, special_tokens=list(specials), show_progress=False
    )
    tokenizer.train_from_iterator(Path(__file__).read_text(encoding="utf-8").split("\n"), trainer)
    return json.dumps(json.loads(tokenizer.to_str()))
