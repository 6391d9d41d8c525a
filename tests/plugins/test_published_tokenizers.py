"""Tokenizers as published, in ../shared."""

from __future__ import annotations

import gzip
import itertools
import json

import pytest
import sentencepiece
from transformers import PreTrainedTokenizerBase

from helpers.original_tokenizers import ids
from helpers.paths import SHARED
from mft_core import load_tokenizer

pytestmark = pytest.mark.slow
NAMES = ("llama2", "baichuan1", "chatglm3", "qwen_v1")
needs_shared = pytest.mark.skipif(not SHARED.exists(), reason="../shared is absent")


@pytest.fixture(scope="module")
def published() -> dict[str, PreTrainedTokenizerBase]:
    """The tokenizers in ../shared."""
    return {name: load_tokenizer(SHARED / "fixtures" / "tokenizers" / name) for name in NAMES}


@needs_shared
@pytest.mark.parametrize("name", NAMES)
def test_reference_vectors(name: str, published: dict[str, PreTrainedTokenizerBase]) -> None:
    tokenizer = published[name]
    lines = (SHARED / "fixtures" / "tokenizers" / name / "vectors.jsonl").read_text(encoding="utf-8").splitlines()
    vectors = [json.loads(line) for line in lines]
    assert len(vectors) > 70
    for vector in vectors:
        assert ids(tokenizer, vector["text"]) == vector["ids"], vector["text"]


@needs_shared
def test_ids_of_real_tasks(published: dict[str, PreTrainedTokenizerBase]) -> None:
    files = sorted((SHARED / "data" / "tasks").rglob("*.jsonl*"))
    lines: list[str] = []
    for file in files:
        with (gzip.open if file.suffix == ".gz" else open)(file, "rt", encoding="utf-8") as stream:
            lines += itertools.islice(stream, 12)
    assert len(lines) > 70
    for name in ("llama2", "baichuan1", "chatglm3"):
        file = SHARED / "fixtures" / "tokenizers" / name / "tokenizer.model"
        reference = sentencepiece.SentencePieceProcessor(model_file=str(file))
        for line in lines:
            text = json.dumps(json.loads(line), ensure_ascii=False, indent=1).replace("\\n", "\n")
            assert ids(published[name], text) == reference.encode(text)


@needs_shared
@pytest.mark.parametrize(
    ("name", "before", "roles"),
    [
        ("llama2", [1], {}),
        ("baichuan1", [], {"<reserved_102>": 195, "<reserved_103>": 196}),
        ("chatglm3", [64790, 64792], {"<|user|>": 64795, "<|assistant|>": 64796, "<|observation|>": 64797}),
        ("qwen_v1", [], {"<|im_start|>": 151644, "<|im_end|>": 151645, "<|extra_204|>": 151850}),
    ],
)
def test_published_ids(
    name: str, before: list[int], roles: dict[str, int], published: dict[str, PreTrainedTokenizerBase]
) -> None:
    tokenizer = published[name]
    assert tokenizer("a")["input_ids"] == [*before, *ids(tokenizer, "a")]
    assert {token: tokenizer.convert_tokens_to_ids(token) for token in roles} == roles
    assert tokenizer.chat_template
