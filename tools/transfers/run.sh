#!/usr/bin/env bash
# Run the paper's transfers of one pre-training checkpoint, and report them beside its figures.
#
# Usage: tools/transfers/run.sh CHECKPOINT --suite imagenet,coco,ade20k,retrieval,knn,linear
#            [--work-dir DIR] [--gpus N] [--slurm PARTITION] [--dry-run] [more: --help]
#
# With the variables of tools/dist_train.sh (NNODES, NODE_RANK, MASTER_ADDR, PORT) or of
# tools/slurm_train.sh (GPUS_PER_NODE, CPUS_PER_TASK, SRUN_ARGS) it runs on several machines.
set -euo pipefail
source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/../common.sh"
need_stack
exec "$PY" "$ROOT/tools/transfers/run.py" "$@"
