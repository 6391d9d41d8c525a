"""Program: matches an adapter's patterns with the names of modules, within limits. `mft_core.tuning.adapters` runs it.

Its input is a JSON object: "patterns" and "names".
"""

from __future__ import annotations

import json
import re
import sys

from mft_core.support.bounded import DONE, limit_process, say


def main() -> None:
    """Match each pattern in the ways that PEFT does."""
    limit_process()
    wanted = json.load(sys.stdin)
    for pattern in wanted["patterns"]:
        say(json.dumps(pattern))
        try:
            whole, end = re.compile(pattern), re.compile(rf"(.*\.)?({pattern})$")
        except re.error as error:
            sys.exit(f"{error}")
        for name in wanted["names"]:
            whole.fullmatch(name)
            end.match(name)
    say(DONE)


if __name__ == "__main__":
    main()
