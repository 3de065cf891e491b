#!/usr/bin/env bash
# Test a checkpoint on a Slurm cluster.
#
# Usage: tools/slurm_test.sh PARTITION JOB_NAME CONFIG CHECKPOINT [options of tools/test.py]
#
# Variables: GPUS, GPUS_PER_NODE, CPUS_PER_TASK and SRUN_ARGS, as in tools/slurm_train.sh --help.
#
# Example:
#   tools/slurm_test.sh gpu test configs/benchmarks/imagenet/swin-t.py work_dirs/swin-t/epoch_100.pth
set -euo pipefail
source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/common.sh"

if wants_help "${1:-}"; then
    show_help
    exit 0
fi
[[ $# -ge 4 ]] || die "expected PARTITION JOB_NAME CONFIG CHECKPOINT, got $# argument(s); see $0 --help"
PARTITION=$1
JOB_NAME=$2
CONFIG=$3
CHECKPOINT=$4
shift 4
said_once "--launcher --gpus" "$@"
submit "$PARTITION" "$JOB_NAME" "$ROOT/tools/test.py" "$CONFIG" "$CHECKPOINT" --launcher slurm "$@"
