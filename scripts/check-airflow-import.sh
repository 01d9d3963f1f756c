#!/bin/bash
# check-airflow-import.sh CACHE DAGS… : imports rendered DAG files in real Airflows: 2.11.0, and the newest 3.x, from the package index.
#
# CACHE holds one virtual environment per Airflow; what is there already is used again. DAGS are folders or files.
# STACKGEN_AIRFLOW_VERSIONS names other versions ("2.11.0 3"). Exit status: 0 when every file imports in every version.
set -euo pipefail

cache=$(mkdir -p "${1:?usage: check-airflow-import.sh CACHE DAGS…}" && cd "$1" && pwd)
shift
[ $# -gt 0 ] || { echo "usage: check-airflow-import.sh CACHE DAGS…" >&2; exit 64; }
versions=${STACKGEN_AIRFLOW_VERSIONS:-2.11.0 3}

check='
import sys
try:
    from airflow.dag_processing.dagbag import DagBag
except ImportError:
    from airflow.models import DagBag
bad = 0
for folder in sys.argv[1:]:
    bag = DagBag(folder)
    for path, error in bag.import_errors.items():
        print(path, error, sep="\n", file=sys.stderr)
    print("  " + folder + ": " + (", ".join(sorted(bag.dags)) or "no DAG"))
    bad += len(bag.import_errors) + (not bag.dags)
sys.exit(1 if bad else 0)
'

status=0
for version in $versions; do
  venv=$cache/airflow-$version
  case $version in
    *.*) wanted="apache-airflow==$version" ;;
    *) wanted="apache-airflow>=$version,<$((version + 1))" ;;
  esac
  if [ ! -e "$venv/complete" ]; then
    echo "Airflow $version: installing into $venv" >&2
    rm -rf "$venv"
    python3 -m venv "$venv"
    "$venv/bin/pip" install -q --disable-pip-version-check "$wanted" \
      apache-airflow-providers-docker apache-airflow-providers-standard
    touch "$venv/complete"
  fi
  export AIRFLOW_HOME=$venv/home AIRFLOW__CORE__LOAD_EXAMPLES=False AIRFLOW__LOGGING__LOGGING_LEVEL=ERROR
  mkdir -p "$AIRFLOW_HOME"
  [ -e "$AIRFLOW_HOME/migrated" ] || { "$venv/bin/airflow" db migrate >"$AIRFLOW_HOME/migrate.log" 2>&1 && touch "$AIRFLOW_HOME/migrated"; }
  echo "Airflow $("$venv/bin/airflow" version 2>/dev/null | tail -n 1)"
  "$venv/bin/python" -W ignore -c "$check" "$@" || status=1
done
exit $status
