"""SentencePiece models (tokenizer.model) as fast tokenizers with the same token ids.

Every stretch of text between control tokens is encoded as SentencePiece encodes a text, with its space before it: what
the original code of all these families does (and transformers calls `legacy`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mft_core.errors import MftError

if TYPE_CHECKING:
    from tokenizers import Tokenizer

SPACE = "▁"
BYTE_PAIR_ENCODING = 2
NORMAL, CONTROL, USER_DEFINED, UNUSED = 1, 3, 4, 5
"""Values of `model_type` and `piece.type` in sentencepiece_model.proto."""


@dataclass(frozen=True, slots=True)
class SentencePieceModel:
    """A model file, parsed.

    Attributes:
        names: pieces by id.
        scores: of each piece; the likelier merge has the higher one.
        normal: of each piece, whether merging text can make it.
        controls: control pieces, which no text becomes.
        symbols: user-defined pieces, found in text before anything is merged.
        unknown, beginning, end: named pieces; "" where the model has none.
        byte_fallback: characters outside the vocabulary become bytes instead of the unknown piece.
        prefix: a space is put before every text.
        squeeze: runs of spaces become one, and none is left at either end.
        charsmap: SentencePiece's compiled normalisation rules; b"": none.
    """

    names: list[str]
    scores: list[float]
    normal: list[bool]
    controls: list[str]
    symbols: list[str]
    unknown: str
    beginning: str
    end: str
    byte_fallback: bool
    prefix: bool
    squeeze: bool
    charsmap: bytes


def read_sentencepiece(path: Path) -> SentencePieceModel:
    """A SentencePiece file.

    Raises:
        MftError: it is none, or is of a kind that has no exact counterpart among fast tokenizers.
    """
    proto = _parse(path)
    _check_supported(path, proto)
    pieces, trainer, normalizer = proto.pieces, proto.trainer_spec, proto.normalizer_spec

    def named(number: int) -> str:
        return pieces[number].piece if 0 <= number < len(pieces) else ""

    return SentencePieceModel(
        names=[piece.piece for piece in pieces],
        scores=[piece.score for piece in pieces],
        normal=[piece.type == NORMAL for piece in pieces],
        controls=[piece.piece for piece in pieces if piece.type == CONTROL],
        symbols=[piece.piece for piece in pieces if piece.type == USER_DEFINED],
        unknown=named(trainer.unk_id),
        beginning=named(trainer.bos_id),
        end=named(trainer.eos_id),
        byte_fallback=trainer.byte_fallback,
        prefix=normalizer.add_dummy_prefix,
        squeeze=normalizer.remove_extra_whitespaces,
        charsmap=normalizer.precompiled_charsmap,
    )


def read_piece_names(path: Path) -> list[str]:
    """The pieces of a SentencePiece file, by id.

    Raises:
        MftError: it is none.
    """
    return [piece.piece for piece in _parse(path).pieces]


def _parse(path: Path) -> Any:
    from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
    from sentencepiece import sentencepiece_model_pb2

    proto = sentencepiece_model_pb2.ModelProto()  # type: ignore[attr-defined]
    try:
        proto.ParseFromString(path.read_bytes())
    except DecodeError as error:
        raise MftError(f"{path} is no SentencePiece model: {error}", "Download the file again.") from error
    return proto


def _check_supported(path: Path, proto: Any) -> None:
    found = []
    if not proto.pieces:
        found.append("no pieces")
    if proto.trainer_spec.model_type != BYTE_PAIR_ENCODING:
        found.append("a model that is not byte-pair encoding")
    if proto.trainer_spec.treat_whitespace_as_suffix:
        found.append("spaces at the end of words")
    if not proto.normalizer_spec.escape_whitespaces:
        found.append("spaces that are not escaped")
    if any(piece.type == UNUSED for piece in proto.pieces):
        found.append("pieces that are switched off")
    if found:
        raise MftError(
            f"The SentencePiece model {path} has {', '.join(found)}, which mft cannot follow exactly.",
            "Use a revision of the checkpoint that has a tokenizer.json.",
        )


def sentencepiece_backend(model: SentencePieceModel, names: Sequence[str]) -> Tokenizer:
    """The fast tokenizer, without added tokens.

    Args:
        names: the model's pieces by id, possibly renamed, and what is appended to them.
    """
    from tokenizers import Tokenizer, decoders, pre_tokenizers
    from tokenizers.models import BPE

    backend = Tokenizer(
        BPE(
            vocab={name: number for number, name in enumerate(names)},
            merges=_merges(model, names),
            unk_token=model.unknown or None,
            fuse_unk=True,
            byte_fallback=model.byte_fallback,
        )
    )
    backend.normalizer = _normalizer(model)
    if _prefixes_first_only(model):
        backend.pre_tokenizer = pre_tokenizers.Metaspace(SPACE, prepend_scheme="first", split=False)
    steps: list[Any] = [decoders.Replace(SPACE, " "), decoders.ByteFallback(), decoders.Fuse()]
    if model.prefix:
        steps.append(decoders.Strip(" ", 1, 0))
    backend.decoder = decoders.Sequence(steps)
    return backend


def _merges(model: SentencePieceModel, names: Sequence[str]) -> list[tuple[str, str]]:
    """All ways to make a piece of two pieces, best piece first: SentencePiece merges any two neighbours."""
    scores = {
        name: score
        for name, score, normal, kept in zip(model.names, model.scores, model.normal, names, strict=False)
        if normal and kept == name
    }
    # Pieces of one score (runs of spaces in Llama) grow from the left in SentencePiece: to the longest there is, then
    # the next. Doubling them first, and joining what is left over later, ends at the same pieces.
    found = [
        (-score, 2 * cut != len(name), len(name), cut, name)
        for name, score in scores.items()
        for cut in range(1, len(name))
        if name[:cut] in scores and name[cut:] in scores
    ]
    return [(name[:cut], name[cut:]) for *_, cut, name in sorted(found)]


def _normalizer(model: SentencePieceModel) -> Any:
    from tokenizers import Regex, normalizers

    steps: list[Any] = []
    if model.charsmap:
        steps.append(normalizers.Precompiled(model.charsmap))
    if model.squeeze:
        steps += [normalizers.Replace(Regex(rf"\A +|[ {SPACE}]+\z"), ""), normalizers.Replace(Regex(" {2,}"), " ")]
    if model.prefix and not _prefixes_first_only(model):
        steps.append(normalizers.Prepend(SPACE))
    steps.append(normalizers.Replace(" ", SPACE))
    return normalizers.Sequence(steps)


def _prefixes_first_only(model: SentencePieceModel) -> bool:
    """User-defined pieces cut a text in two, and only its first part may get the space.

    Then a text that begins with a space or with such a piece gets none, where SentencePiece puts one.
    """
    return model.prefix and bool(model.symbols)
