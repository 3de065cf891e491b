#!/usr/bin/env bash
# Train on a Slurm cluster.
#
# Usage: tools/slurm_train.sh PARTITION JOB_NAME CONFIG WORK_DIR [options of tools/train.py]
#
# Variables:
#   GPUS           processes in all, one for each GPU              (default 8)
#   GPUS_PER_NODE  GPUS on one node                                (default 8, or GPUS if fewer)
#   CPUS_PER_TASK  cores for one process and its data workers      (default 8)
#   SRUN_ARGS      more options for srun, separated by blanks      (default none)
#
# SIGTERM (preemption) and SIGUSR1 save in the middle of the epoch; the exit code is then 143 or 138.
# Jobs that put themselves back into the queue: docs/interruptions.md
#
# Examples:
#   GPUS=16 tools/slurm_train.sh gpu mimco configs/pretrain/mimco_swin-t.py work_dirs/mimco --resume
#   SRUN_ARGS='--time=24:00:00 --signal=USR1@120' tools/slurm_train.sh gpu mimco CONFIG WORK_DIR --resume
set -euo pipefail
source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/common.sh"

if wants_help "${1:-}"; then
    show_help
    exit 0
fi
[[ $# -ge 4 ]] || die "expected PARTITION JOB_NAME CONFIG WORK_DIR, got $# argument(s); see $0 --help"
PARTITION=$1
JOB_NAME=$2
CONFIG=$3
WORK_DIR=$4
shift 4
said_once "--work-dir --launcher --gpus" "$@"

submit "$PARTITION" "$JOB_NAME" "$ROOT/tools/train.py" "$CONFIG" --work-dir "$WORK_DIR" \
    --launcher slurm "$@"
