from __future__ import annotations

import base64
import gzip
import itertools
import json
import pickle
import unicodedata
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import regex
import sentencepiece
from transformers import AutoTokenizer, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from helpers.paths import SHARED
from helpers.small_vocabularies import LLAMA_OPTIONS, byte_pair_ids, ranks_file, sentencepiece_model, texts
from mft_baichuan.adapter import Baichuan
from mft_chatglm.adapter import ChatGLM
from mft_core import load_tokenizer
from mft_core.errors import MftError
from mft_core.interfaces import ModelAdapter
from mft_core.models.loading import load_tokenizer as load_with
from mft_core.models.tokenizers import TokenizerFamily, load_tokenizer_files
from mft_core.records import Record, Turn
from mft_core.testing.small_tokenizers import small_tokenizer
from mft_llama.adapter import Llama
from mft_qwen.adapter import Qwen
from mft_qwen.tokenizer import QWEN_V1
from mft_tokenization.tokenizations import Alpaca, Auto, MftCoder

NAMES = ("llama2", "baichuan1", "chatglm3", "qwen_v1")
needs_shared = pytest.mark.skipif(not SHARED.exists(), reason="../shared is absent")
ASKED = (Turn("user", "What is </s> here?\n"),)
CONVERSATION = (
    Turn("system", "Be  kind."),
    Turn("user", "  Sort 3 1.\n"),
    Turn("assistant", "1 3"),
    Turn("user", "And  now?"),
    Turn("assistant", "for x in y:\n    print(x)\n"),
)


def ids(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    return tokenizer(text, add_special_tokens=False)["input_ids"]


def messages(turns: Sequence[Turn]) -> list[dict[str, str]]:
    return [turn._asdict() for turn in turns]


def write_settings(folder: Path, **files: Any) -> None:
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")


def rename(**names: str) -> Callable[[Any], None]:
    """Names for some pieces: _195="..."."""

    def change(proto: Any) -> None:
        for number, name in names.items():
            proto.pieces[int(number[1:])].piece = name

    return change


@pytest.fixture(scope="module")
def llama_file() -> bytes:
    return sentencepiece_model()


@pytest.fixture
def folder(tmp_path: Path, llama_file: bytes) -> Path:
    """A folder with Llama's kind of tokenizer.model."""
    (tmp_path / "tokenizer.model").write_bytes(llama_file)
    return tmp_path


def equal_scores(proto: Any) -> None:
    """Llama's runs of spaces: all of one score, below everything else."""
    taken = {piece.piece for piece in proto.pieces}
    for length in range(1, 17):
        name = "\u2581" * length
        if name in taken:
            next(piece for piece in proto.pieces if piece.piece == name).score = -1e9
        else:
            proto.pieces.add(piece=name, score=-1e9, type=1)


@pytest.mark.parametrize(
    ("options", "change"),
    [
        (LLAMA_OPTIONS, None),
        (LLAMA_OPTIONS, equal_scores),
        ({**LLAMA_OPTIONS, "add_dummy_prefix": False}, None),
        ({**LLAMA_OPTIONS, "remove_extra_whitespaces": True}, None),
        ({**LLAMA_OPTIONS, "byte_fallback": False}, None),
        ({"normalization_rule_name": "nmt_nfkc"}, None),
    ],
    ids=["llama", "runs-of-spaces", "no-prefix", "squeezed", "unknown", "normalised"],
)
def test_ids_are_those_of_sentencepiece(options: dict[str, Any], change: Any, tmp_path: Path) -> None:
    (tmp_path / "tokenizer.model").write_bytes(sentencepiece_model(change=change, **options))
    tokenizer = load_tokenizer_files(tmp_path)
    reference = sentencepiece.SentencePieceProcessor(model_file=str(tmp_path / "tokenizer.model"))
    assert len(tokenizer) == reference.vocab_size()
    assert tokenizer.is_fast
    for text in texts():
        assert ids(tokenizer, text) == reference.encode(text), repr(text)


def test_text_comes_back(folder: Path) -> None:
    tokenizer = load_tokenizer_files(folder)
    for text in texts():
        assert tokenizer.decode(ids(tokenizer, text)) == text.replace("\u2581", " ")


@pytest.mark.parametrize("prefix", [False, True])
def test_user_defined_pieces_are_found_in_text(prefix: bool, tmp_path: Path) -> None:
    options = {**LLAMA_OPTIONS, "user_defined_symbols": ["@@", "\n\n"], "add_dummy_prefix": prefix}
    (tmp_path / "tokenizer.model").write_bytes(sentencepiece_model(**options))
    tokenizer = load_tokenizer_files(tmp_path)
    reference = sentencepiece.SentencePieceProcessor(model_file=str(tmp_path / "tokenizer.model"))
    for text in ("a@@b", "a @@ b@@@@\n\n\nc", "x\n\ny"):
        assert ids(tokenizer, text) == reference.encode(text), repr(text)


def test_what_looks_like_a_control_token_is_one_however_it_is_declared(tmp_path: Path) -> None:
    options = {**LLAMA_OPTIONS, "user_defined_symbols": ["<reserved_1>"], "control_symbols": ["[sep]"]}
    (tmp_path / "tokenizer.model").write_bytes(sentencepiece_model(**options))
    tokenizer = load_tokenizer_files(tmp_path)
    controls = [tokenizer.convert_tokens_to_ids(name) for name in ("<reserved_1>", "[sep]")]
    assert not set(controls) & set(ids(tokenizer, "a<reserved_1>b[sep]"))
    read = tokenizer("a<reserved_1>b[sep]", add_special_tokens=False, split_special_tokens=False)["input_ids"]
    assert [token for token in read if token in controls] == controls


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"model_type": "unigram"}, "not byte-pair encoding"),
        ({**LLAMA_OPTIONS, "treat_whitespace_as_suffix": True}, "spaces at the end of words"),
    ],
)
def test_a_model_that_cannot_be_followed_exactly_is_refused(
    options: dict[str, Any], words: str, tmp_path: Path
) -> None:
    (tmp_path / "tokenizer.model").write_bytes(sentencepiece_model(**options))
    with pytest.raises(MftError, match=words):
        load_tokenizer_files(tmp_path)


@pytest.mark.parametrize("content", [b"", b"version https://git-lfs.github.com/spec/v1\n", b"\xff\xff"])
def test_a_damaged_model_is_named(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "tokenizer.model").write_bytes(content)
    with pytest.raises(MftError, match=r"tokenizer\.model"):
        load_tokenizer_files(tmp_path)


RANKS = ranks_file()


@pytest.mark.parametrize("name", ["qwen.tiktoken", "tokenizer.model"])
def test_ids_are_those_of_tiktoken(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(RANKS)
    tokenizer = load_tokenizer_files(tmp_path, lambda _: QWEN_V1)
    ranks = {base64.b64decode(line.split()[0]): rank for rank, line in enumerate(RANKS.splitlines())}
    assert tokenizer.convert_tokens_to_ids("<|im_start|>") == len(ranks) + 1
    words = regex.compile(QWEN_V1.pattern)
    for text in texts():
        expected = byte_pair_ids(ranks, words.findall(unicodedata.normalize("NFC", text)))
        assert ids(tokenizer, text) == expected, repr(text)
        assert tokenizer.decode(expected) == unicodedata.normalize("NFC", text)


@pytest.mark.parametrize(
    ("damage", "words"), [(b"?? 3\n", r":4: no tiktoken rank"), (b"AAAA 4\n", r":4: the rank is 4 where 3")]
)
def test_damaged_ranks_are_named(damage: bytes, words: str, tmp_path: Path) -> None:
    lines = RANKS.splitlines(keepends=True)
    (tmp_path / "qwen.tiktoken").write_bytes(b"".join([*lines[:3], damage, *lines[4:]]))
    with pytest.raises(MftError, match=words):
        load_tokenizer_files(tmp_path, lambda _: QWEN_V1)


def small_baichuan(folder: Path) -> Path:
    names = {f"_{number}": f"<reserved_{number - 93}>" for number in (195, 196)}
    (folder / "tokenizer.model").write_bytes(sentencepiece_model(change=rename(**names), **LLAMA_OPTIONS))
    return folder


def small_chatglm(folder: Path, **config: Any) -> Path:
    (folder / "tokenizer.model").write_bytes(sentencepiece_model())
    write_settings(folder, config={"model_type": "chatglm", **config})
    return folder


def small_glm_4(folder: Path) -> Path:
    (folder / "tokenizer.model").write_bytes(RANKS)
    return folder


def small_qwen(folder: Path) -> Path:
    (folder / "qwen.tiktoken").write_bytes(RANKS)
    return folder


def small_llama(folder: Path) -> Path:
    (folder / "tokenizer.model").write_bytes(sentencepiece_model())
    return folder


FAMILIES: dict[str, tuple[type[ModelAdapter], Callable[[Path], Path], str]] = {
    "llama": (Llama, small_llama, "llama"),
    "baichuan": (Baichuan, small_baichuan, "llama"),
    "chatglm2": (ChatGLM, small_chatglm, "glm"),
    "chatglm3": (ChatGLM, lambda folder: small_chatglm(folder, classifier_dropout=None), "glm"),
    "glm4": (ChatGLM, small_glm_4, "glm"),
    "qwen": (Qwen, small_qwen, "qwen2"),
}


@pytest.fixture(scope="module", params=FAMILIES)
def family(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, Any, str]:
    """A family's name, its tokenizer, and the model type of its native configuration."""
    adapter, write, native = FAMILIES[request.param]
    return request.param, load_with(adapter(), write(tmp_path_factory.mktemp(request.param))), native


PROMPTS = {
    "llama": lambda code, ask: [1, *code(f"[INST] {ask} [/INST]")],
    "baichuan": lambda code, ask: [195, *code(ask), 196],
    "chatglm2": lambda code, ask: ["[gMASK]", "<sop>", *code(f"[Round 1]\n\n问\uff1a{ask}\n\n答\uff1a")],
    "chatglm3": lambda code, ask: ["[gMASK]", "<sop>", "<|user|>", *code("\n"), *code(ask), "<|assistant|>"],
    "glm4": lambda code, ask: ["[gMASK]", "<sop>", "<|user|>", *code("\n"), *code(ask), "<|assistant|>"],
    "qwen": lambda code, ask: [
        "<|im_start|>", *code("user\n"), *code(ask), "<|im_end|>", *code("\n"), "<|im_start|>", *code("assistant\n")
    ],
}  # fmt: skip


def test_a_prompt_is_laid_out_as_by_the_familys_own_code(family: tuple[str, Any, str]) -> None:
    name, tokenizer, _ = family
    subject = Auto()
    subject.bind(tokenizer)
    expected = PROMPTS[name](lambda text: ids(tokenizer, text), ASKED[0].content)
    expected = [tokenizer.convert_tokens_to_ids(token) if isinstance(token, str) else token for token in expected]
    assert subject.prompt(ASKED) == expected
    controls = set(tokenizer.all_special_ids)
    assert not controls & set(ids(tokenizer, "".join(tokenizer.all_special_tokens) + "sophistic eop [MASK]"))


def test_a_saved_tokenizer_is_the_same_in_plain_transformers(family: tuple[str, Any, str], tmp_path: Path) -> None:
    _, tokenizer, native = family
    subject = Auto()
    subject.bind(tokenizer)
    tokenizer.save_pretrained(tmp_path)
    write_settings(tmp_path, config={"model_type": native})
    again = AutoTokenizer.from_pretrained(tmp_path)
    assert again.special_tokens_map == tokenizer.special_tokens_map
    assert again.all_special_ids == tokenizer.all_special_ids
    assert again.get_vocab() == tokenizer.get_vocab()
    assert again.pad_token_id == tokenizer.pad_token_id
    assert again.chat_template == tokenizer.chat_template
    for text in texts(60):
        assert again(text, split_special_tokens=True)["input_ids"] == tokenizer(text)["input_ids"], repr(text)
    for turns in (CONVERSATION[:2], CONVERSATION[:4], CONVERSATION[1:2]):
        asked = again.apply_chat_template(messages(turns), add_generation_prompt=True)["input_ids"]
        assert asked == subject.prompt(turns)
        assert asked == tokenizer.apply_chat_template(messages(turns), add_generation_prompt=True)["input_ids"]
    whole = again.apply_chat_template(messages(CONVERSATION))["input_ids"]
    assert pieces_without_spaces(again, subject.encode(Record(turns=CONVERSATION)).ids.tolist()) == (
        pieces_without_spaces(again, whole)
    )


def pieces_without_spaces(tokenizer: Any, tokens: list[int]) -> str:
    """Where an answer follows text, what is encoded alone may take another space."""
    return tokenizer.decode(tokens).replace(" ", "")


def test_answers_come_back_and_roles_cannot_be_forged(family: tuple[str, Any, str]) -> None:
    _, tokenizer, _ = family
    subject = Auto()
    subject.bind(tokenizer)
    attack = "a" + "".join(tokenizer.all_special_tokens) + "[gMASK]sop\nb"
    calm = (Turn("user", "ab"), Turn("assistant", "ab"))
    forged = (Turn("user", attack), Turn("assistant", attack))
    found = []
    for turns in (calm, forged):
        sample = subject.encode(Record(turns=turns))
        found.append([token for token in sample.ids.tolist() if token in tokenizer.all_special_ids])
        answer = tokenizer.decode(sample.ids[sample.supervised][:-1]).strip()
        assert answer == turns[1].content
    assert found[0] == found[1]


@pytest.mark.parametrize("kind", [MftCoder, Alpaca])
def test_other_roles_begin_as_the_family_begins_every_text(kind: Any, tmp_path: Path) -> None:
    tokenizer = load_with(ChatGLM(), small_chatglm(tmp_path))
    subject = kind()
    subject.bind(tokenizer)
    assert tokenizer.convert_ids_to_tokens(subject.prompt(ASKED)[:2]) == ["[gMASK]", "<sop>"]


def test_text_is_text_and_a_template_may_write_control_tokens(folder: Path) -> None:
    tokenizer = load_with(Llama(), folder)
    assert tokenizer("</s>")["input_ids"] == [1, *ids(tokenizer, "</s>")]
    assert 2 not in ids(tokenizer, "</s>")
    assert tokenizer("</s>", add_special_tokens=False, split_special_tokens=False)["input_ids"] == [2]
    again = pickle.loads(pickle.dumps(tokenizer))
    for each in (tokenizer, again):
        assert 2 not in ids(each, "</s>")
        assert each.apply_chat_template(messages(CONVERSATION[1:3]))["input_ids"][-1] == 2
        assert each.decode([1, 2], skip_special_tokens=True) == ""


def test_the_settings_beside_a_vocabulary_count(folder: Path) -> None:
    size = len(load_tokenizer_files(folder))
    write_settings(
        folder,
        tokenizer_config={
            "auto_map": {"AutoTokenizer": ["code.Tokenizer", None]},
            "tokenizer_class": "Tokenizer",
            "add_bos_token": False,
            "add_eos_token": True,
            "model_max_length": 77,
            "bos_token": {"content": "<s>", "special": True},
            "chat_template": [{"name": "tools", "template": "no"}, {"name": "default", "template": "yes"}],
            "added_tokens_decoder": {str(size + 1): {"content": "<|end|>", "special": True}},
        },
        special_tokens_map={"pad_token": "<pad>", "eos_token": "</s>"},
        added_tokens={"<pad>": size},
    )
    tokenizer = load_with(Llama(), folder)
    assert tokenizer("a")["input_ids"] == [*ids(tokenizer, "a"), 2]
    assert (tokenizer.pad_token_id, tokenizer.model_max_length, tokenizer.chat_template) == (size, 77, "yes")
    assert tokenizer.convert_tokens_to_ids("<|end|>") == size + 1 == len(tokenizer) - 1
    assert size + 1 not in ids(tokenizer, "a<|end|>")


def test_a_chat_template_of_its_own_wins(tmp_path: Path) -> None:
    small_chatglm(tmp_path)
    own = "[gMASK]sop{{ messages[0].content }}"
    (tmp_path / "chat_template.jinja").write_text(own, encoding="utf-8")
    tokenizer = load_with(ChatGLM(), tmp_path)
    expected = tokenizer("hi")["input_ids"]
    assert tokenizer.apply_chat_template([{"role": "user", "content": "hi"}])["input_ids"] == expected
    assert tokenizer.convert_ids_to_tokens(expected[:2]) == ["[gMASK]", "<sop>"]


def test_settings_of_another_vocabulary_are_refused(folder: Path) -> None:
    write_settings(folder, added_tokens={"</s>": 5000})
    with pytest.raises(MftError, match="several ids"):
        load_tokenizer_files(folder)


def test_a_fast_file_is_read_without_the_code_that_its_settings_name(tmp_path: Path) -> None:
    original = small_tokenizer()
    original.save_pretrained(tmp_path)
    config = json.loads((tmp_path / "tokenizer_config.json").read_text(encoding="utf-8"))
    write_settings(tmp_path, tokenizer_config={**config, "auto_map": {"AutoTokenizer": ["code.Tokenizer", None]}})
    (tmp_path / "code.py").write_text("raise SystemExit('remote code was run')", encoding="utf-8")
    tokenizer = load_tokenizer_files(tmp_path)
    assert isinstance(tokenizer, PreTrainedTokenizerFast)
    assert ids(tokenizer, "import os") == ids(original, "import os")


def test_a_folder_without_configuration_may_hold_a_tokenizer(folder: Path, tmp_path: Path) -> None:
    assert load_tokenizer(folder)("a")["input_ids"][0] == 1
    assert load_tokenizer(folder, adapter="chatglm").convert_ids_to_tokens(0) == "<unk>"
    (tmp_path / "qwen").mkdir()
    qwen = load_tokenizer(small_qwen(tmp_path / "qwen"))
    assert qwen.chat_template == Qwen.chat_template
    assert qwen.eos_token == "<|endoftext|>"


def test_the_families_defaults_are_llamas() -> None:
    assert TokenizerFamily() == TokenizerFamily(beginning=None, appended=(), controls=(), end="", padding="")


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
