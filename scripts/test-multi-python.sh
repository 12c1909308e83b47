#!/usr/bin/env bash
# The suite on every Python from 3.11 to 3.14 that is found here, on the oldest and on the newest libraries that
# pyproject.toml allows: `scripts/test-multi-python.sh --help` names the options. PYTHON: who runs this script.
set -euo pipefail
cd "$(dirname "$0")/.."
python="${PYTHON:-python3}"
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
    echo "scripts/test-multi-python.sh is run by Python 3.11 or newer: PYTHON=python3.12 scripts/test-multi-python.sh" >&2
    exit 2
}
exec "$python" -m scripts.multi_python "$@"
