"""Runs `mft` commands, given as JSON, one after the other on every rank: starting takes longer than training."""

from __future__ import annotations

import json
import sys

from helpers.running import mft

if __name__ == "__main__":
    from torch.distributed import destroy_process_group

    for command in json.loads(sys.argv[1]):
        if code := mft(*command):
            sys.exit(code)
    destroy_process_group()
