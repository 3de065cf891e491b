#!/usr/bin/env bash
# Make the virtual environment that the project runs in. Quick when nothing has changed.
#
# Usage: tools/setup_env.sh [demo|tests|original]
#
#   demo      .venv: pre-training, k-NN and the demo; a few minutes (the default)
#   tests     .venv: demo, and compiled mmcv ops, mmdet, mmseg, pytest; compiling takes some
#             minutes on 2 cores, once
#   original  .venv-original: the original OpenMMLab releases with torch 2.5, and pytest
#
# Variables:
#   PYTHON        the Python to start from (default: the first of python3.11, python3.12,
#                 python3.10, ... that fits)
#   MIMCO_WHEELS  a folder of wheels to look into as well, e.g. one with a compiled onedl-mmcv
#   MAX_JOBS      compilers at a time (default: one for each core and 2 GB of free memory)
set -euo pipefail
CANDIDATES=${PYTHON:-python3.11 python3.12 python3.10 python3.13 python3 python}
source "$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")/common.sh"

if wants_help "${1:-}"; then
    show_help
    exit 0
fi

PROFILE=${1:-demo}
ENV="$ROOT/.venv"
PROVIDES=("$PROFILE")
NEWEST_MINOR=99
case "$PROFILE" in
    demo) ;;
    tests) PROVIDES=(demo tests) ;;
    original)
        ENV="$ROOT/.venv-original"
        NEWEST_MINOR=12 # torch 2.5 with NumPy 1
        ;;
    *) die "expected the profile demo, tests or original, got '$PROFILE'" ;;
esac

if [[ -n "${MIMCO_WHEELS:-}" ]]; then
    [[ -d "$MIMCO_WHEELS" ]] || die "MIMCO_WHEELS must be a folder, got '$MIMCO_WHEELS'"
    MIMCO_WHEELS=$(cd "$MIMCO_WHEELS" && pwd)
fi

say() {
    echo "[setup] $*"
}

# Everything that decides what the environment holds, and where it lies.
fingerprint() {
    {
        cat "$ROOT"/requirements/*.txt "$ROOT"/setup.py "$ROOT"/pyproject.toml
        cat "$ROOT"/tools/setup_env.sh
        echo "$ROOT"
    } | cksum
}

stamp() {
    echo "$ENV/mimco-$1.stamp"
}

run() { # with the environment's Python
    "$ENV/bin/python" "$@"
}

fits() { # whether a Python has a supported version
    "$1" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, int(sys.argv[1])))' \
        "$NEWEST_MINOR" >/dev/null 2>&1
}

make_env() {
    local name
    for name in $CANDIDATES; do
        if fits "$name" && "$name" -c 'import venv, ensurepip' >/dev/null 2>&1; then
            say "new environment $ENV with $("$name" --version)"
            "$name" -m venv --clear "$ENV"
            return
        fi
    done
    local upper=""
    [[ "$NEWEST_MINOR" == 99 ]] || upper=" to 3.$NEWEST_MINOR"
    die "expected a Python 3.10$upper or newer with its venv module; none of these is one:
$CANDIDATES. Install one (Debian, Ubuntu: apt install python3.11 python3.11-venv python3.11-dev)
or name it: PYTHON=/path/to/python3.11 tools/setup_env.sh $PROFILE"
}

pip_install() {
    local links=()
    [[ -z "${MIMCO_WHEELS:-}" ]] || links=(--find-links "$MIMCO_WHEELS")
    run -m pip install --disable-pip-version-check --progress-bar off --quiet \
        ${links[@]+"${links[@]}"} "$@" || die "pip could not install: $*
Its lines above say why; no network, a full disk or no compiler are the usual reasons. The same
command again goes on from here; without the folder $ENV it starts over."
}

imports() { # whether these modules can be imported
    run -c "import $*" >/dev/null 2>&1
}

must_import() {
    run -W ignore -c "import $*" >/dev/null ||
        die "the new environment cannot import $*; the lines above say why"
}

# Machines without a display often lack libGL, which only the headless build does without.
mend_opencv() {
    imports cv2 && return
    say 'opencv-python does not load here; taking the headless build'
    pip_install --force-reinstall --no-deps "opencv-python-headless==$(
        run -c 'from importlib.metadata import version; print(version("opencv-python"))'
    )"
    must_import cv2
}

compile_mmcv_ops() {
    local compiler
    read -ra compiler <<<"${CXX:-c++}"
    command -v "${compiler[0]}" >/dev/null ||
        die "mmcv's ops need a C++ compiler, and '${CXX:-c++}' is not one (Debian, Ubuntu: apt
install g++). Pre-training and the demo do without: tools/setup_env.sh demo"
    export MAX_JOBS=${MAX_JOBS:-$(processes_of 2)}
    count MAX_JOBS "$MAX_JOBS"
    # With a GPU in sight the build takes CUDA sources, which only nvcc compiles. Ops of the CPU
    # alone serve tests: neither -O3 nor Python's own -g is worth its time.
    if ! command -v nvcc >/dev/null; then
        export CUDA_VISIBLE_DEVICES='' CFLAGS="${CFLAGS:--O1 -DNDEBUG -fwrapv}"
    fi
    say "compiling the ops of mmcv, $MAX_JOBS jobs at a time (some minutes on 2 cores)"
    share_torch_header
    replace_mmcv --no-build-isolation --no-binary onedl-mmcv
}

# Most of the time of each of mmcv's files goes into the headers of torch.
share_torch_header() {
    [[ "$ROOT" != *[[:space:]]* ]] || return 0 # CXX would be split there
    TORCH_HEADER_DIR=$(mktemp -d "$ENV/header.XXXXXX")
    trap 'rm -rf "$TORCH_HEADER_DIR"' EXIT
    export TORCH_HEADER_DIR REAL_CXX=${CXX:-c++} CXX="$ROOT/tools/cxx_with_torch_header.sh"
}

# pip caches a build without ops under the same name: neither read nor write its cache.
replace_mmcv() {
    pip_install --no-cache-dir --force-reinstall --no-deps "$@" \
        "$(grep '^onedl-mmcv==' "$ROOT/requirements/maintained.txt")"
}

has_ops() {
    imports torch, mmcv._ext
}

if fits "$ENV/bin/python" && [[ "$(cat "$(stamp "$PROFILE")" 2>/dev/null)" == "$(fingerprint)" ]]; then
    say "$ENV is ready for $PROFILE"
    exit 0
fi

fits "$ENV/bin/python" || make_env
rm -f "$ENV"/mimco-*.stamp
cd "$ROOT/requirements"
say 'build tools'
pip_install -r build.txt
if [[ "$PROFILE" == original ]]; then
    say 'torch 2.5 and the original OpenMMLab releases (about 5 minutes the first time)'
    pip_install -r original.txt
else
    say 'torch and the OpenMMLab packages (about 3 minutes the first time)'
    pip_install -r maintained.txt
fi
if [[ "$PROFILE" == tests ]]; then
    say 'mmdet, mmseg, pytest'
    pip_install -r tests.txt
fi
mend_opencv
if [[ "$PROFILE" == tests ]]; then
    # a ready wheel, where the index or MIMCO_WHEELS has one; else from source
    has_ops || (replace_mmcv --only-binary onedl-mmcv) >/dev/null 2>&1 || true
    has_ops || (compile_mmcv_ops)
    must_import torch, mmcv.ops, mmdet, mmseg
fi
say 'this checkout, editable'
pip_install --no-build-isolation --no-deps -e "$ROOT"
must_import mmpretrain
for profile in "${PROVIDES[@]}"; do
    fingerprint >"$(stamp "$profile")"
done
say "$ENV is ready for $PROFILE"
