# Sourced by the other scripts: where the project is, and which Python runs it.
ROOT="$(CDPATH= cd -- "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"

# An active environment comes first, then the checkout's own, then whatever `python` is.
PY=python
if [[ -z "${VIRTUAL_ENV:-}" && -x "$ROOT/.venv/bin/python" ]]; then
    PY="$ROOT/.venv/bin/python"
fi

# As mimco_mm does, for programs that import torch before it.
export OMP_WAIT_POLICY="${OMP_WAIT_POLICY:-PASSIVE}"

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

# Refuse a Python that lacks what the tools import.
need_stack() {
    "$PY" -c 'import importlib.util, sys; sys.exit(importlib.util.find_spec("torch") is None)' ||
        die "$(command -v "$PY" || echo "$PY") has no torch, and no environment is active. Make one with
tools/setup_env.sh, and activate it: source .venv/bin/activate"
}

# count NAME TEXT: refuse what is no number from 1 up. Before any arithmetic: bash would run what
# stands in a text like a[$(COMMAND)].
count() {
    [[ "$2" =~ ^[1-9][0-9]{0,5}$ ]] || die "$1 must be a number from 1 up, got '$2'"
}

# said_once OPTIONS ARGUMENTS...: refuse what an argument of the script says already; the later one
# would count, without a word.
said_once() {
    local options=$1 argument
    shift
    for argument; do
        if [[ " $options " == *" ${argument%%=*} "* ]]; then
            die "${argument%%=*} is what an argument in front says; see $0 --help"
        fi
    done
}

# How many processes of so many GB this machine has cores and free memory for; at least one.
processes_of() {
    local cores memory_gb
    cores=$(env -u OMP_NUM_THREADS nproc 2>/dev/null || getconf _NPROCESSORS_ONLN)
    memory_gb=$(awk '/MemAvailable/ {print int($2 / 1048576)}' /proc/meminfo 2>/dev/null || true)
    [[ "$cores" =~ ^[0-9]+$ ]] || cores=1
    [[ "$memory_gb" =~ ^[0-9]+$ ]] || memory_gb=4
    local fit=$((memory_gb / $1 < cores ? memory_gb / $1 : cores))
    echo $((fit > 0 ? fit : 1))
}

# submit PARTITION JOB_NAME PROGRAM ARGUMENTS...: a Python program as a Slurm job, in place of this
# script. GPUS, GPUS_PER_NODE, CPUS_PER_TASK and SRUN_ARGS are those of slurm_train.sh --help.
submit() {
    local partition=$1 job_name=$2
    shift 2
    local gpus=${GPUS:-8}
    count GPUS "$gpus"
    local per_node=${GPUS_PER_NODE:-$((gpus < 8 ? gpus : 8))}
    count GPUS_PER_NODE "$per_node"
    local cpus=${CPUS_PER_TASK:-8}
    count CPUS_PER_TASK "$cpus"
    command -v srun >/dev/null ||
        die "there is no srun here (Slurm's launcher); without Slurm: tools/dist_${0##*/slurm_}"
    need_stack
    local extra=()
    read -r -d '' -a extra <<<"${SRUN_ARGS:-}" || true # split at blanks and line ends, nothing else

    exec srun --partition="$partition" --job-name="$job_name" \
        --ntasks="$gpus" --ntasks-per-node="$per_node" --gres="gpu:$per_node" \
        --cpus-per-task="$cpus" --kill-on-bad-exit=1 ${extra[@]+"${extra[@]}"} \
        "$PY" -u "$@"
}
