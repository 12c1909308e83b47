#!/usr/bin/env bash
# The suite on every Python from 3.11 to 3.14 that is found here, on the oldest and on the newest libraries that
# pyproject.toml allows: `scripts/test-multi-python.sh --help` names the options. PYTHON: who runs this script.
set -euo pipefail
cd "$(dirname "$0")/.."
exec "${PYTHON:-python3}" -m scripts.multi_python "$@"
