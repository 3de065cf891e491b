# Sourced by the other scripts: where the project is, and which Python runs it.
ROOT="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"

# An active environment comes first, then the checkout's own, then whatever `python` is.
PY=python
if [[ -z "${VIRTUAL_ENV:-}" && -x "$ROOT/.venv/bin/python" ]]; then
    PY="$ROOT/.venv/bin/python"
fi

die() {
    echo "error: $*" >&2
    exit 1
}

# The comment at the head of the script that calls it is its help.
show_help() {
    sed -n '2,/^[^#]/{/^#/s/^# \{0,1\}//p}' "$0"
}

wants_help() {
    [[ "${1:-}" == -h || "${1:-}" == --help ]]
}

# launch GPUS PROGRAM ARGUMENTS...: a Python program in GPUS processes on this machine, in place of
# this script. NNODES, NODE_RANK, MASTER_ADDR and PORT are those of dist_train.sh --help.
launch() {
    local gpus=$1
    shift
    [[ "$gpus" =~ ^[1-9][0-9]*$ ]] || die "GPUS must be a number from 1 up, got '$gpus'"

    local nnodes=${NNODES:-1}
    if [[ "$nnodes" != 1 && -z "${MASTER_ADDR:-}" ]]; then
        die "NNODES=$nnodes needs MASTER_ADDR, the address of the machine with NODE_RANK=0"
    fi
    local port=${PORT:-}
    if [[ -z "$port" && "$nnodes" == 1 ]]; then
        port=$("$PY" -c 'import socket; s = socket.socket(); s.bind(("", 0)); print(s.getsockname()[1])')
    fi

    if [[ -z "${OMP_NUM_THREADS:-}" ]]; then
        local threads=$(($(nproc 2>/dev/null || getconf _NPROCESSORS_ONLN) / gpus))
        export OMP_NUM_THREADS=$((threads > 0 ? threads : 1))
    fi

    exec "$PY" -m torch.distributed.run \
        --nnodes="$nnodes" --node-rank="${NODE_RANK:-0}" --nproc-per-node="$gpus" \
        --master-addr="${MASTER_ADDR:-127.0.0.1}" --master-port="${port:-29500}" "$@"
}

# submit PARTITION JOB_NAME PROGRAM ARGUMENTS...: a Python program as a Slurm job, in place of this
# script. GPUS, GPUS_PER_NODE, CPUS_PER_TASK and SRUN_ARGS are those of slurm_train.sh --help.
submit() {
    local partition=$1 job_name=$2
    shift 2
    local gpus=${GPUS:-8}
    local per_node=${GPUS_PER_NODE:-$((gpus < 8 ? gpus : 8))}
    local extra
    read -ra extra <<<"${SRUN_ARGS:-}"

    exec srun --partition="$partition" --job-name="$job_name" \
        --ntasks="$gpus" --ntasks-per-node="$per_node" --gres="gpu:$per_node" \
        --cpus-per-task="${CPUS_PER_TASK:-8}" --kill-on-bad-exit=1 ${extra[@]+"${extra[@]}"} \
        "$PY" -u "$@"
}
