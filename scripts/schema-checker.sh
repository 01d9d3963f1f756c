#!/usr/bin/env bash
# schema-checker.sh DIR : puts check-jsonschema, which checks files against a JSON Schema, into DIR/check-jsonschema. Needs Python with
# venv and PyPI's packages. Does nothing where it is there already; several at once wait for each other.
set -euo pipefail
version=0.39.0
dir=$(mkdir -p "${1:?usage: schema-checker.sh DIR}" && cd "$1" && pwd)
exec 9>"$dir/.check-jsonschema.lock"
flock 9
place=$dir/check-jsonschema
if [[ -x $place/bin/check-jsonschema ]] && "$place/bin/check-jsonschema" --version 2>/dev/null | grep -q "version $version"; then
  exit 0
fi
rm -rf "$place"
python3 -m venv "$place"
"$place/bin/pip" install -q --disable-pip-version-check "check-jsonschema==$version"
