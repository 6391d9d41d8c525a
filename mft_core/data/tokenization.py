"""Records to tokens: what a tokenization's plugin implements."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from mft_core.errors import RecordError
from mft_core.records import Record, Sample, Turn
from mft_core.registry.options import Configurable, SomeOptions

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


class Tokenization(Configurable[SomeOptions]):
    """Turns a record into token ids and says which of them are supervised.

    Attributes:
        takes_tools: it lays out turns of the roles "tools" and "tool", and calls in answers; else the core gives it the
            same as text (`mft_core.data.tool_text`).
        takes_segments: it supervises those segments of a text that are to be learned; else the core refuses them.
    """

    takes_tools: ClassVar[bool] = False
    takes_segments: ClassVar[bool] = False

    @abstractmethod
    def bind(self, tokenizer: PreTrainedTokenizerBase) -> None:
        """Called once before anything else; may set `tokenizer.chat_template`, which is saved with the model.

        Raises:
            MftError: this tokenizer cannot be used with this tokenization.
        """

    @abstractmethod
    def encode(self, record: Record) -> Sample:
        """The record's tokens; every assistant turn of a weight above 0 supervised with its end token, nothing else.

        Where a turn has a weight other than 1, `weights` gives each target that of its turn; the record's own is the
        core's to multiply. Control tokens typed inside a turn's content stay text. The core refuses a sample without
        any target.

        Raises:
            RecordError: the record cannot be rendered faithfully.
        """

    def samples(self, record: Record) -> list[Sample]:
        """The samples that a record is learned from, every answer that is learned supervised in exactly one of them:
        what `encode` gives, unless an answer is asked for in another form than that in which a longer conversation
        shows it.

        Raises:
            RecordError: the record cannot be rendered faithfully.
        """
        return [self.encode(record)]

    def batch(self, records: Sequence[Record]) -> list[list[Sample] | RecordError]:
        """What `samples` gives for each record, or the RecordError that it raises; to be overridden where many records
        take less time together, as a tokenizer's `encode_batch_fast` does. Records are asked for in this way first, and
        one by one where it fails.
        """
        found: list[list[Sample] | RecordError] = []
        for record in records:
            try:
                found.append(self.samples(record))
            except RecordError as error:
                found.append(error)
        return found

    @abstractmethod
    def prompt(self, turns: Sequence[Turn]) -> list[int]:
        """Token ids up to where the assistant's next answer starts, as `encode` lays them out."""

    @property
    def lead_in(self) -> str:
        """Text that every answer begins with by the template, not by what is asked, as it is decoded; "": none."""
        return ""

    @property
    def end_tokens(self) -> tuple[int, ...]:
        """Ids of the tokens that end an answer, that which `encode` puts behind one first."""
        sample = self.encode(Record(turns=(Turn("user", "question"), Turn("assistant", "answer"))))
        return (int(sample.ids[sample.supervised][-1]),)

    @property
    @abstractmethod
    def fingerprint(self) -> str:
        """Changes whenever `encode` could give another result; part of the token cache's key."""


class BoundTokenization(NamedTuple):
    """A tokenization and the tokenizer that it is bound to."""

    tokenization: Tokenization
    tokenizer: PreTrainedTokenizerBase
