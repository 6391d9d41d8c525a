#!/usr/bin/env bash
# One command of mft in a run folder that is removed again: run_once.sh PYTHON COMMAND...; `on_gpu.py` uses it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$1" -m mft_cli "${@:2}" --output "$folder/run"
