#!/usr/bin/env bash
# Everything that must pass; the last lines sum up. Arguments go to pytest.
set -uo pipefail
cd "$(dirname "$0")/.."
export LOTSE_PROFILE=test
unset DATABASE_URL # SQLite, unless pgtmp.py says otherwise
logs=build/test
mkdir -p $logs
rm -f $logs/*.sum
number=0

step() { # NAME COMMAND...
    local name=$1 log="$logs/${1// /-}.log" start=$SECONDS result
    shift
    printf '\n=== %s ===\n' "$name"
    "$@" 2>&1 | tee "$log"
    local code=${PIPESTATUS[0]}
    # With arguments that choose tests, a step may have none of them (pytest says 5).
    if [ "$code" -eq 0 ] || { [ "$code" -eq 5 ] && [ $chosen -eq 1 ]; }; then result=ok; else result=FAILED; fi
    printf '%-22s %-7s %4d s  %s\n' "$name" $result $((SECONDS - start)) "$(tail -n 1 "$log")" > "$logs/$number.sum"
}

# Two steps at the same moment, where the second leaves a processor idle now and then: what it says is shown when both are done.
beside() { # NAME COMMAND...
    number=$((number + 1))
    step "$@" > "$logs/beside.out" 2>&1 &
}

alone() { # NAME COMMAND...
    number=$((number + 1))
    step "$@"
}

met() {
    wait
    cat "$logs/beside.out"
}

chosen=$(($# > 0))
tests=(.venv/bin/python -m pytest -q)
on_postgresql=(.venv/bin/python scripts/pgtmp.py)
# As many workers as there are processors to count on; a third made both wait. Each worker keeps to the order, in which the
# tests that empty the database come last: who steals from another would run on an empty one.
spread=(-n 2)

beside "checks" scripts/check.sh
alone "tests on SQLite" "${tests[@]}" "${spread[@]}" -m "not browser" "$@"
met
# The real exports are brought in once; invented files of the same shape are on both.
alone "tests on PostgreSQL" "${on_postgresql[@]}" "${tests[@]}" "${spread[@]}" -m "not browser and not no_database" \
  --ignore=tests/exchange/test_real_data.py "$@"
# Two installations beside each other, and a third on PostgreSQL, where two would share one database.
beside "browser, PostgreSQL" "${on_postgresql[@]}" "${tests[@]}" -m "browser and both_databases" "$@"
alone "browser, SQLite" "${tests[@]}" -n 2 --dist loadfile --no-loadscope-reorder -m browser "$@"
met

printf '\n=== summary (%d s) ===\n' $SECONDS
cat $logs/*.sum
! grep -qE '^.{22} FAILED' $logs/*.sum
