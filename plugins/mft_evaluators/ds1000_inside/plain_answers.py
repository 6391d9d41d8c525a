"""Says of published answers, which a problem's test reads, why they have no plain form or cannot be opened here."""

from __future__ import annotations

import json
import pickle
import sys

from to_plain import NoPlainFormError, to_plain  # type: ignore[import-not-found]  # beside it in the sandbox

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator


def why_not(pickled: bytes) -> str:
    """ "": it has a plain form."""
    try:
        to_plain(pickle.loads(pickled))
    except NoPlainFormError as error:
        return str(error)
    except Exception as error:  # noqa: BLE001 - whatever a library of another version raises
        return f"an answer cannot be opened here ({type(error).__name__})"
    return ""


def answers() -> Iterator[bytes]:
    """Each is its length in digits, a line end, and so many bytes."""
    for length in sys.stdin.buffer:
        yield sys.stdin.buffer.read(int(length))


def main() -> None:
    with open(3, "w", encoding="ascii") as result:
        json.dump([why_not(pickled) for pickled in answers()], result)


main()
