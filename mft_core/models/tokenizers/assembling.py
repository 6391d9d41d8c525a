"""From a vocabulary file, the settings beside it and what the family adds, to one tokenizer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from tokenizers import AddedToken, Tokenizer, processors

from mft_core.errors import MftError
from mft_core.models.tokenizers.family import TokenizerFamily
from mft_core.models.tokenizers.plain_text import PlainTextTokenizer
from mft_core.models.tokenizers.sentencepiece_models import (
    SentencePieceModel,
    read_sentencepiece,
    sentencepiece_backend,
)
from mft_core.models.tokenizers.settings import TokenizerSettings, read_settings
from mft_core.models.tokenizers.tiktoken_ranks import byte_names, holds_ranks, ranks_backend, read_ranks

SENTENCEPIECE_FILE = "tokenizer.model"
RANKS_SUFFIX = ".tiktoken"


@dataclass(frozen=True, slots=True)
class _Parts:
    """A tokenizer before its special tokens.

    Attributes:
        backend: with every id named.
        named: what "bos_token", "eos_token", ... are where the settings do not say it.
        controls: recognised where a chat template writes them.
        symbols: recognised in any text.
    """

    backend: Tokenizer
    named: dict[str, str]
    controls: list[str]
    symbols: list[str]


def read_original(folder: Path, family: TokenizerFamily) -> PlainTextTokenizer:
    """The tokenizer of a folder with a SentencePiece model or tiktoken ranks.

    Raises:
        MftError: there is neither, or the file or its settings cannot be used.
    """
    path = vocabulary_file(folder)
    if path is None:
        raise MftError(f"{folder} has no tokenizer.json, no {SENTENCEPIECE_FILE} and no *{RANKS_SUFFIX}.")
    model = None if holds_ranks(path) else read_sentencepiece(path)
    own = byte_names(read_ranks(path)) if model is None else model.names
    settings = read_settings(folder)
    appended = range(len(own), len(own) + len(family.appended))
    settings = replace(settings, added={number: x for number, x in settings.added.items() if number not in appended})
    names = _names(path, [*own, *family.appended], settings)
    parts = _from_ranks(len(own), names, family) if model is None else _from_sentencepiece(model, names, family)
    return _assemble(parts, family, settings)


def vocabulary_file(folder: Path) -> Path | None:
    """The file of tiktoken ranks, or the SentencePiece model, in `folder`."""
    ranks = sorted(folder.glob(f"*{RANKS_SUFFIX}"))
    model = folder / SENTENCEPIECE_FILE
    return ranks[0] if ranks else model if model.is_file() else None


def _from_sentencepiece(model: SentencePieceModel, names: Sequence[str], family: TokenizerFamily) -> _Parts:
    # What looks like a control token is one, however the model file declares it.
    reserved = [symbol for symbol in model.symbols if symbol[:1] + symbol[-1:] in ("<>", "[]")]
    model = replace(model, symbols=[symbol for symbol in model.symbols if symbol not in reserved])
    named = {"unk_token": model.unknown, "bos_token": model.beginning, "eos_token": model.end}
    backend = sentencepiece_backend(model, names)
    return _Parts(backend, named, [*model.controls, *reserved, *family.controls], model.symbols)


def _from_ranks(count: int, names: Sequence[str], family: TokenizerFamily) -> _Parts:
    return _Parts(ranks_backend(count, names, family.pattern, family.compose), {}, [*family.controls], [])


def _names(path: Path, own: Sequence[str], settings: TokenizerSettings) -> list[str]:
    """Names of all ids: the file's, the family's, and those that the settings add or rename."""
    names = [*own]
    for number, (name, _) in sorted(settings.added.items()):
        names += [f"<unused_{free}>" for free in range(len(names), number + 1)]
        names[number] = name
    twice = sorted(name for name, times in Counter(names).items() if times > 1)
    if twice:
        raise MftError(
            f"The settings beside {path} give one token several ids ({', '.join(twice[:3])}).",
            "Its tokenizer_config.json or added_tokens.json belongs to another vocabulary.",
        )
    return names


def _assemble(parts: _Parts, family: TokenizerFamily, settings: TokenizerSettings) -> PlainTextTokenizer:
    backend, vocabulary = parts.backend, parts.backend.get_vocab()
    own = {"eos_token": family.end, "pad_token": family.padding, "unk_token": family.unknown}
    wanted = parts.named | {key: name for key, name in own.items() if name} | settings.named
    named = {key: name for key, name in wanted.items() if name in vocabulary}
    special = [name for name, special in settings.added.values() if special and name in vocabulary]
    plain = [name for name, special in settings.added.values() if not special and name in vocabulary]
    controls = _unique([*named.values(), *parts.controls, *special])
    backend.add_special_tokens([AddedToken(name, normalized=False, special=True) for name in controls])
    symbols = [name for name in _unique([*parts.symbols, *plain]) if name not in controls]
    backend.add_tokens([AddedToken(name, normalized=False, special=False) for name in symbols])
    ending = [named["eos_token"]] if settings.ending and "eos_token" in named else []
    _surround(backend, _beginning(family, settings, named), ending)
    return PlainTextTokenizer(
        tokenizer_object=backend,
        extra_special_tokens=[name for name in controls if name not in named.values()],
        chat_template=settings.chat_template or family.chat_template,
        clean_up_tokenization_spaces=False,
        padding_side="left",
        **named,
        **({"model_max_length": settings.longest} if settings.longest else {}),
    )


def _beginning(family: TokenizerFamily, settings: TokenizerSettings, named: dict[str, str]) -> list[str]:
    own = [named["bos_token"]] if "bos_token" in named else []
    if settings.beginning is not None:
        return own if settings.beginning else []
    return own if family.beginning is None else list(family.beginning)


def _surround(backend: Tokenizer, before: Sequence[str], after: Sequence[str]) -> None:
    """Put tokens before and after every text, unless it is encoded without special tokens."""
    backend.post_processor = processors.TemplateProcessing(
        single=[*before, "$A:0", *after],
        pair=[*before, "$A:0", "$B:1", *after],
        special_tokens=[(name, backend.token_to_id(name)) for name in _unique([*before, *after])],
    )


def _unique(names: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(names))
