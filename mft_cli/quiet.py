"""Other libraries' advice, retries and bars are kept from the screen: nobody who calls `mft` can act on them."""

from __future__ import annotations

import logging
import os
import sys
import warnings

VARIABLES = {
    "HF_HUB_VERBOSITY": "error",
    "TRANSFORMERS_VERBOSITY": "error",
    "TORCH_CPP_LOG_LEVEL": "ERROR",
    "TQDM_DISABLE": "1",
}
"""Read when the libraries are imported, by processes that mft starts too. One that the user has set stays."""


def quieten_other_libraries() -> None:
    """Let only their errors through, from now on in this process; what mft's modules and plugins log stays."""
    for name, value in VARIABLES.items():
        os.environ.setdefault(name, value)
    if not sys.warnoptions:  # python -W or PYTHONWARNINGS: the user wants them
        warnings.simplefilter("ignore")
    handler = logging.StreamHandler()
    handler.addFilter(_matters)
    logging.lastResort = handler


def _matters(record: logging.LogRecord) -> bool:
    return record.levelno >= (logging.WARNING if record.name.startswith("mft") else logging.ERROR)
