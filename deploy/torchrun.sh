#!/usr/bin/env bash
# mft on one or several machines, by hand: the same command on each of them.
#
#   deploy/torchrun.sh run recipe.toml --output runs/mine                       one machine, all of its GPUs
#   NODES=2 HEAD=10.0.0.1:29500 deploy/torchrun.sh run recipe.toml --output /shared/runs/mine --auto-resume
#
# NODES      machines, 1 by default
# HEAD       HOST:PORT of one of them, that all can reach; its own name or address must be HOST
# PROCESSES  on this machine; by default one for each GPU, without any one
# RESTARTS   how often all start again after one has died; with mft run --auto-resume from the newest checkpoint
# RUN_ID     tells runs apart that share a HEAD
#
# The output and, for what is tokenised to be so once, MFT_CACHE lie where all machines see them.
set -euo pipefail

NODES=${NODES:-1}
RESTARTS=${RESTARTS:-0}
PYTHON=${PYTHON:-python3}
PROCESSES=${PROCESSES:-$("$PYTHON" -c 'import torch; print(max(1, torch.cuda.device_count()))')}

if [ "$NODES" -gt 1 ]; then
    : "${HEAD:?set HEAD=HOST:PORT, the same on all machines}"
    together=(--rdzv-backend=c10d "--rdzv-endpoint=$HEAD" "--rdzv-id=${RUN_ID:-mft}")
else
    together=(--standalone)
fi
# torch 2.13 keeps one store over restarts, in which new processes find the addresses of dead ones.
export TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-$(($(nproc) / PROCESSES > 0 ? $(nproc) / PROCESSES : 1))}
exec "$PYTHON" -m torch.distributed.run "${together[@]}" --nnodes="$NODES" --nproc-per-node="$PROCESSES" \
    --max-restarts="$RESTARTS" -m mft_cli "$@"
