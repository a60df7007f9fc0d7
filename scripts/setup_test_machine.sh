#!/usr/bin/env bash
# What the tests need besides Python: a PostgreSQL (only its programs; scripts/pgtmp.py starts its own) and Chromium.
# As root on Debian it installs what is missing; elsewhere it says the one command. It starts and enables no service.
set -euo pipefail

missing=()
compgen -G '/usr/lib/postgresql/*/bin/initdb' >/dev/null || command -v initdb >/dev/null || [ -n "${PGTMP_BIN:-}" ] || missing+=(postgresql)
command -v chromium >/dev/null || [ -n "${CHROMIUM:-}" ] || missing+=(chromium)
[ ${#missing[@]} -gt 0 ] || exit 0

if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "The tests need ${missing[*]}. Install, then try again:" >&2
    echo "    sudo apt-get install -y --no-install-recommends ${missing[*]}" >&2
    exit 1
fi

# Debian makes and starts a cluster with the server's package unless it is told not to before.
conf=/etc/postgresql-common/createcluster.conf
if [[ " ${missing[*]} " == *" postgresql "* && ! -e $conf ]]; then
    mkdir -p "${conf%/*}"
    echo 'create_main_cluster = false' >"$conf"
fi

echo "Installing ${missing[*]} (a minute or two, once) …"
export DEBIAN_FRONTEND=noninteractive
log=$(mktemp)
for attempt in 1 2 3; do # a mirror may be busy
    if apt-get update -qq >"$log" 2>&1 &&
        apt-get install -y -qq --no-install-recommends -o Dpkg::Options::=--force-confold "${missing[@]}" >>"$log" 2>&1; then
        rm -f "$log"
        exit 0
    fi
    sleep $((attempt * 5))
done
cat "$log" >&2
exit 1
