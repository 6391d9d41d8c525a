"""Everything that must be equal for two scores to be comparable."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any

GIVEN = "given samples"


@dataclass(frozen=True, slots=True)
class Protocol:
    """How answers were had and made into what is judged.

    Attributes:
        form: short name of the prompt's form, such as "completion" or "chat".
        template: the text around an item in the prompt; "": the prompt as published.
        shots: solved examples shown before the item.
        stop: strings at which an answer ends.
        post_processing: what is done to an answer before it is judged, in words.
        decoding: how tokens were chosen; `GIVEN` for somebody else's samples.
    """

    form: str
    template: str = ""
    shots: int = 0
    stop: tuple[str, ...] = ()
    post_processing: str = "none"
    decoding: str = ""

    @property
    def identifier(self) -> str:
        """Short and readable, with 8 hexadecimal digits that change with anything above."""
        digest = hashlib.sha256(json.dumps(self.as_json(), sort_keys=True).encode()).hexdigest()[:8]
        return f"{self.form}, {self.shots}-shot, {self.decoding} #{digest}"

    def as_json(self) -> dict[str, Any]:
        """JSON values only."""
        return {**asdict(self), "stop": list(self.stop)}
