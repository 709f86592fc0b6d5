#!/usr/bin/env bash
# Installs what the action needs into an environment of its own and names its Python as the output
# `python`. Nothing of the workspace, which holds the pull request's files, has a say in it.
set -euo pipefail

fail() {
    printf '::error::specialist-ci %s\n' "$1"
    exit 2
}

# Prints the first Python 3 on PATH that is of this minor version or newer.
python_since() {
    local name
    for name in python3 python python3.{15,14,13,12,11}; do
        if command -v "$name" >/dev/null &&
            "$name" -I -c "import sys; sys.exit(sys.version_info < (3, $1))" 2>/dev/null; then
            command -v "$name"
            return
        fi
    done
    return 1
}

# $1 is an interpreter, $2 the folder of the environment, $3 the locked set.
install_with_pip() {
    "$1" -I -m venv "$2" && "$2/bin/python" -I -m pip install --quiet --no-compile \
        --disable-pip-version-check --require-hashes --only-binary :all: --requirement "$3"
}

install_with_uv() {
    "$1" --no-config venv --quiet --no-project --python '>=3.11,<3.16' "$2" &&
        "$1" --no-config pip install --quiet --python "$2/bin/python" \
            --require-hashes --only-binary :all: --requirement "$3"
}

if [ "${RUNNER_OS:-}" = Windows ]; then
    fail 'runs on Linux and macOS only: give the job another runner'
fi

home=$(dirname "${BASH_SOURCE[0]}")
home=$(cd "$home/../.." && pwd)
# uv.toml, pyproject.toml, .python-version and modules like venv.py are looked for where we stand.
mkdir -p "$RUNNER_TEMP/specialist-ci"
cd "$RUNNER_TEMP/specialist-ci"

locked=$home/.github/action/requirements.txt
environment=$PWD/environment
python=$environment/bin/python
setup='put actions/setup-python or astral-sh/setup-uv before it'

# Several uses of the action in one job share it.
if ! cmp -s "$locked" "$environment/complete"; then
    rm -rf "$environment"
    # The user's variables may name a mirror; files of the workspace may not.
    if uv=$(command -v uv); then
        install_with_uv "$uv" "$environment" "$locked" || fail "cannot be installed by uv: $setup"
    elif found=$(python_since 11); then
        install_with_pip "$found" "$environment" "$locked" ||
            fail "cannot be installed by $found, which needs venv and pip: $setup"
    elif found=$(python_since 8); then
        # Too old for us, and enough to get uv, which finds or fetches another one.
        rm -rf uv
        if ! install_with_pip "$found" "$PWD/uv" "$home/.github/action/uv.txt" ||
            ! install_with_uv "$PWD/uv/bin/uv" "$environment" "$locked"; then
            fail "needs Python 3.11 or newer, and could not get one by uv: $setup"
        fi
    else
        fail "needs Python 3.11 or newer, or uv: $setup"
    fi
    cp "$locked" "$environment/complete"
fi

# No build: it would fetch a build system that nothing pins.
packages=$("$python" -I -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
printf '%s\n' "$home" >"$packages/specialist_ci_action.pth"
printf 'python=%s\n' "$python" >>"$GITHUB_OUTPUT"
