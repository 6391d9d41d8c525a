"""Judges whose tests run in the process of the program that they judge: only where the user asks for them."""

from __future__ import annotations

NOT_MEASURED = (
    "its tests would run in the process of the program that they judge, which can make them hold; "
    "--shared-process runs them so, and believes such a program"
)
DESCRIPTION = (
    "measure also what only tests in the judged program's own process can tell; a hostile program can make them hold"
)
NOTE = "tests in the judged program's process"
"""What a protocol says besides: such scores compare with no others."""
