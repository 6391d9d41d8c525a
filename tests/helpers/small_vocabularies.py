"""Vocabulary files as models were published with them, made on the spot: SentencePiece models and tiktoken ranks."""

from __future__ import annotations

import base64
import io
import random
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import sentencepiece
from sentencepiece import sentencepiece_model_pb2
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

SOURCE = Path(__file__).read_text(encoding="utf-8")
LLAMA_OPTIONS = {
    "normalization_rule_name": "identity",
    "remove_extra_whitespaces": False,
    "split_digits": True,
    "byte_fallback": True,
}
PIECES = 420


def sentencepiece_model(*, change: Callable[[Any], None] | None = None, **options: Any) -> bytes:
    """A byte-pair model of `PIECES` pieces.

    Args:
        change: edits the parsed model.
        options: of the trainer, instead of Llama's.
    """
    written = io.BytesIO()
    text = [line.replace("\t", " ") for line in (SOURCE + "中文注释 二分查找的实现。\n" * 4).splitlines() if line]
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(text),
        model_writer=written,
        **{
            "vocab_size": PIECES,
            "model_type": "bpe",
            "hard_vocab_limit": False,
            "minloglevel": 2,
            **(options or LLAMA_OPTIONS),
        },
    )
    proto = sentencepiece_model_pb2.ModelProto()
    proto.ParseFromString(written.getvalue())
    if change is not None:
        change(proto)
    return proto.SerializeToString()


def ranks_file() -> bytes:
    """tiktoken ranks: all bytes, then what was learnt."""
    trained = Tokenizer(models.BPE())
    trained.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=500, initial_alphabet=alphabet, show_progress=False)
    trained.train_from_iterator(SOURCE.splitlines(), trainer)
    learnt = [name for name in trained.get_vocab() if len(name) > 1 and name.isascii()]
    learnt.sort(key=lambda name: trained.get_vocab()[name])
    tokens = [bytes([byte]) for byte in range(256)] + [name.encode() for name in learnt]
    return b"".join(base64.b64encode(token) + f" {rank}\n".encode() for rank, token in enumerate(tokens))


def texts(count: int = 300) -> list[str]:
    """Short texts in which the same few characters stand side by side in many ways, and some real lines."""
    draw = random.Random(0)
    alphabets = ("ab", "x", " ", "=-", "01", " \n", "ab ", " \t", "</s>", "中文 ", "é🙂", "the ", "_a", "\n")
    made = ["".join(draw.choices(draw.choice(alphabets), k=draw.randint(1, 40))) for _ in range(count)]
    return [*made, *SOURCE.splitlines(keepends=True)[:40], "", " ", "</s>", "a</s>b<s>c", "▁a ▁", "\u00a0ﬁ \uff46"]


def byte_pair_ids(ranks: dict[bytes, int], words: Sequence[str]) -> list[int]:
    """What tiktoken gives: in every word, the neighbours whose union has the lowest rank are joined, leftmost first."""
    ids = []
    for word in words:
        parts = [bytes([byte]) for byte in word.encode()]
        while len(parts) > 1:
            unions = [ranks.get(left + right, len(ranks)) for left, right in pairwise(parts)]
            if min(unions) == len(ranks):
                break
            place = unions.index(min(unions))
            parts[place : place + 2] = [parts[place] + parts[place + 1]]
        ids += [ranks[part] for part in parts]
    return ids
