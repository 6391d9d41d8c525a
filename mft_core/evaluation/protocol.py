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
        server: who wrote the answers and laid out the conversations, where that was a server, such as "NAME at HOST".
    """

    form: str
    template: str = ""
    shots: int = 0
    stop: tuple[str, ...] = ()
    post_processing: str = "none"
    decoding: str = ""
    server: str = ""

    @property
    def identifier(self) -> str:
        """Short and readable, with 8 hexadecimal digits that change with anything above.

        Of the server only that there is one counts: which, is what was measured, and stands behind them.
        """
        decides = {key: bool(value) if key == "server" else value for key, value in self.as_json().items()}
        digest = hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:8]
        behind = f", by {self.server}" if self.server else ""
        return f"{self.form}, {self.shots}-shot, {self.decoding} #{digest}{behind}"

    def as_json(self) -> dict[str, Any]:
        """JSON values only; without a server where there is none."""
        facts = {**asdict(self), "stop": list(self.stop)}
        return facts if self.server else {key: value for key, value in facts.items() if key != "server"}
