#!/bin/sh
# Makes .venv and installs the hashed requirements and this project into it: venv.sh PYTHON REQUIREMENTS
set -eu
python=$1
requirements=$2

"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || {
    echo "smartbranch needs Python 3.11 or newer; '$python' is not. Give another: make PYTHON=python3.12 demo" >&2
    exit 1
}

if ! .venv/bin/python -m pip --version >/dev/null 2>&1; then
    rm -rf .venv
    if ! "$python" -m venv .venv >/dev/null 2>&1; then
        # Debian splits ensurepip off: take the system's pip, or its package where we may install one
        if "$python" -m pip --version >/dev/null 2>&1; then
            "$python" -m venv --without-pip .venv
            "$python" -m pip --python .venv/bin/python install --quiet pip
        else
            . requirements/as_root.sh
            as_root apt-get update -qq && as_root apt-get install -y -qq python3-venv || {
                echo "Python cannot make virtual environments here; install the package python3-venv, then run make again" >&2
                exit 1
            }
            rm -rf .venv
            "$python" -m venv .venv
        fi
    fi
fi

.venv/bin/python -m pip --disable-pip-version-check install -qq --require-hashes --no-deps -r "$requirements"
.venv/bin/python -m pip --disable-pip-version-check install -qq --no-build-isolation --no-deps -e .
