#!/usr/bin/env bash
# Everything that must pass, one after the other; the last lines sum up. Arguments go to pytest.
set -uo pipefail
cd "$(dirname "$0")/.."
export LOTSE_PROFILE=test
unset DATABASE_URL # SQLite, unless pgtmp.py says otherwise
logs=build/test
mkdir -p $logs
summary=()
status=0

step() { # NAME COMMAND...
    local name=$1 log="$logs/${1// /-}.log" start=$SECONDS result
    shift
    printf '\n=== %s ===\n' "$name"
    "$@" 2>&1 | tee "$log"
    local code=${PIPESTATUS[0]}
    # With arguments that choose tests, a step may have none of them (pytest says 5).
    if [ "$code" -eq 0 ] || { [ "$code" -eq 5 ] && [ $chosen -eq 1 ]; }; then result=ok; else result=FAILED status=1; fi
    summary+=("$(printf '%-22s %-7s %4d s  %s' "$name" $result $((SECONDS - start)) "$(tail -n 1 "$log")")")
}

chosen=$(($# > 0))
tests=(.venv/bin/python -m pytest -q)
on_postgresql=(.venv/bin/python scripts/pgtmp.py)

step "checks" scripts/check.sh
# One more than there are processors to count on: some tests wait for processes and leases. Each worker keeps to the order, in
# which the tests that empty the database come last: who steals from another would run on an empty one.
spread=(-n 3)
step "tests on SQLite" "${tests[@]}" "${spread[@]}" -m "not browser" "$@"
# The real exports are brought in once; invented files of the same shape are on both.
step "tests on PostgreSQL" "${on_postgresql[@]}" "${tests[@]}" "${spread[@]}" -m "not browser and not no_database" \
  --ignore=tests/exchange/test_real_data.py "$@"
# Two installations beside each other; on PostgreSQL they would share one database.
step "browser, SQLite" "${tests[@]}" -n 2 --dist loadfile -m browser "$@"
step "browser, PostgreSQL" "${on_postgresql[@]}" "${tests[@]}" -m "browser and both_databases" "$@"

printf '\n=== summary (%d s) ===\n' $SECONDS
printf '%s\n' "${summary[@]}"
exit $status
