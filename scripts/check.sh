#!/usr/bin/env bash
# Every check that runs no test. All of them run, so that one round shows everything there is to mend.
set -uo pipefail
cd "$(dirname "$0")/.."
export LOTSE_PROFILE=test
failed=()

check() { # NAME COMMAND...
    local name=$1 output
    shift
    if output=$("$@" 2>&1); then
        echo "ok      $name"
    else
        printf 'FAILED  %s\n%s\n' "$name" "$output"
        failed+=("$name")
    fi
}

# Django's own check list for production, with the settings of production; the values are no secrets, they are never used.
deploy() {
    env LOTSE_PROFILE=production SECRET_KEY="$(head -c 48 /dev/urandom | base64)" ALLOWED_HOSTS=crm.example.com \
        BASE_URL=https://crm.example.com .venv/bin/python manage.py check --deploy --fail-level WARNING
}

check "lint" .venv/bin/ruff check --quiet .
check "format" .venv/bin/ruff format --quiet --check .
check "types" .venv/bin/mypy
check "import order" .venv/bin/lint-imports
check "migrations" .venv/bin/python manage.py makemigrations --check --dry-run
check "settings of production" deploy
check "messages" .venv/bin/python scripts/messages.py --check
check "vendored files" .venv/bin/python scripts/check_vendor.py

[ ${#failed[@]} -eq 0 ] || { echo "Failed: ${failed[*]}"; exit 1; }
