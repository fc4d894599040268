#!/usr/bin/env bash
# odoo_server.sh up|down: a real Odoo 19 Community on loopback, from package registries alone (see README.md here).
#
# Debian's package (suite sid) with its Python dependencies in a virtual environment, on a PostgreSQL of its own.
# Everything lies under $ODOO_LAB and is stopped by the process ids kept there. Exit 75: cannot run here, and why.
set -euo pipefail
LAB=${ODOO_LAB:-${TMPDIR:-/tmp}/connector-odoo-lab}
PORT=${ODOO_PORT:-28169} PG_PORT=${ODOO_PG_PORT:-25532}
# Ports below 32768, out of the range that outgoing connections are given.
HERE=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
ODOO_PACKAGE=$LAB/root/usr/lib/python3/dist-packages

cannot() { echo "Odoo cannot run here: $*" >&2; exit 75; }
failed() { echo "Odoo did not start: $* (logs in $LAB/log)" >&2; exit 1; }
alive() { [ -s "$LAB/run/$1.pid" ] && kill -0 "$(cat "$LAB/run/$1.pid")" 2>/dev/null; }

spawn() { # NAME COMMAND...: in a process group of its own, its id kept
  local name=$1; shift
  alive "$name" && return
  setsid "$@" >>"$LAB/log/$name.log" 2>&1 </dev/null &
  echo $! >"$LAB/run/$name.pid"
}

stop() { # NAME: the group, by the id kept
  alive "$1" || return 0
  local pid; pid=$(cat "$LAB/run/$1.pid")
  kill -TERM -- "-$pid" 2>/dev/null || kill -TERM "$pid"
  for _ in $(seq 60); do kill -0 "$pid" 2>/dev/null || break; sleep .25; done
  ! kill -0 "$pid" 2>/dev/null || kill -KILL -- "-$pid"
  rm -f "$LAB/run/$1.pid"
}

install_package() {
  [ -d "$ODOO_PACKAGE/odoo" ] && return
  local site apt
  mkdir -p "$LAB"/apt/{lists,cache/archives}/partial "$LAB/deb"
  if ! ls "$LAB"/deb/odoo-19*.deb >/dev/null 2>&1; then
    # An index of our own for the archive this machine uses already: its apt settings stay as they are.
    site=$(apt-get indextargets --format '$(SITE)' | grep -v security | sort | uniq -c | sort -rn | awk 'NR==1 {print $2}')
    [ -n "$site" ] || cannot "apt knows no archive."
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $site ${ODOO_SUITE:-sid} main" >"$LAB/apt/sources.list"
    apt=(-o "Dir::Etc::sourcelist=$LAB/apt/sources.list" -o Dir::Etc::sourceparts=/nonexistent
      -o "Dir::State::lists=$LAB/apt/lists" -o "Dir::Cache=$LAB/apt/cache" -o APT::Sandbox::User=root)
    apt-get "${apt[@]}" update >"$LAB/log/apt.log" 2>&1 || cannot "the package index could not be fetched."
    (cd "$LAB/deb" && apt-get "${apt[@]}" download odoo-19) >>"$LAB/log/apt.log" 2>&1 || cannot "package odoo-19 could not be fetched."
  fi
  dpkg-deb -x "$(ls -t "$LAB"/deb/odoo-19*.deb | head -1)" "$LAB/root" || failed "unpacking"
}

install_python() {
  [ -f "$LAB/venv/complete" ] && return
  python3 -m venv "$LAB/venv" || cannot "python3 has no venv module."
  "$LAB/venv/bin/pip" install -q --disable-pip-version-check -r "$HERE/odoo_requirements.txt" >"$LAB/log/pip.log" 2>&1 ||
    cannot "Odoo's Python dependencies could not be installed (log in $LAB/log/pip.log)."
  touch "$LAB/venv/complete"
}

start_postgres() {
  local bin; bin=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | tail -1) || true
  if [ -z "$bin" ]; then
    { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends postgresql; } >"$LAB/log/apt-postgresql.log" 2>&1 ||
      cannot "PostgreSQL is not installed and could not be."
    bin=$(ls -d /usr/lib/postgresql/*/bin | tail -1)
  fi
  PSQL=("$bin/psql" -qAt -h 127.0.0.1 -p "$PG_PORT" -U postgres)
  mkdir -p "$LAB/pg"; chown postgres:postgres "$LAB/pg"
  [ -f "$LAB/pg/data/PG_VERSION" ] || runuser -u postgres -- "$bin/initdb" -D "$LAB/pg/data" -A trust -U postgres -E UTF8 --locale=C.UTF-8 >"$LAB/log/initdb.log" 2>&1 || failed "initdb"
  # A lab's data may be lost with the power, so no fsync.
  spawn postgres runuser -u postgres -- "$bin/postgres" -D "$LAB/pg/data" -c listen_addresses=127.0.0.1 -c port="$PG_PORT" -c unix_socket_directories="$LAB/pg" -c fsync=off
  for _ in $(seq 120); do "$bin/pg_isready" -q -h 127.0.0.1 -p "$PG_PORT" && break; sleep .25; done
  "${PSQL[@]}" -c "select 1 from pg_roles where rolname='odoo'" | grep -q 1 || "${PSQL[@]}" -c "create role odoo login createdb password 'odoo'" || failed "PostgreSQL"
}

odoo() { PYTHONPATH=$ODOO_PACKAGE "$LAB/venv/bin/python" "$LAB/root/usr/bin/odoo" "$@"; }

configure() {
  cat >"$LAB/odoo.conf" <<CONF
[options]
db_host = 127.0.0.1
db_port = $PG_PORT
db_user = odoo
db_password = odoo
data_dir = $LAB/data
addons_path = $ODOO_PACKAGE/odoo/addons
http_interface = 127.0.0.1
http_port = $PORT
gevent_port = $((PORT + 1))
list_db = False
workers = 0
; no scheduled jobs and no address of Odoo's own services: nothing leaves this machine
max_cron_threads = 0
publisher_warranty_url = http://127.0.0.1:9/
CONF
  [ -s "$LAB/odoo.json" ] && return
  "${PSQL[@]}" -c "drop database if exists lab" # an earlier start that broke off
  odoo -c "$LAB/odoo.conf" -d lab -i base,crm,contacts,phone_validation,base_automation --without-demo=True --stop-after-init --no-http >"$LAB/log/init.log" 2>&1 || failed "making the database"
  # The button's code is the one the documentation gives.
  LAB_BUTTON_CODE=$(sed -n '/^```python$/,/^```$/p' "$HERE/../../docs/odoo.md" | sed '1d;$d')
  export LAB_BUTTON_CODE
  LAB_URL=http://127.0.0.1:$PORT odoo shell -c "$LAB/odoo.conf" -d lab --no-http --shell-interface=python <"$HERE/odoo_seed.py" >"$LAB/log/seed.log" 2>&1 || failed "seeding"
  (umask 077 && sed -n 's/^.*LABJSON //p' "$LAB/log/seed.log" | tail -1 >"$LAB/odoo.json")
  [ -s "$LAB/odoo.json" ] || failed "seeding"
}

up() {
  [ "$(id -u)" = 0 ] || cannot "PostgreSQL of its own needs root."
  for tool in apt-get dpkg-deb runuser curl python3; do command -v "$tool" >/dev/null || cannot "there is no $tool."; done
  mkdir -p "$LAB/run" "$LAB/log"; chmod 755 "$LAB"
  install_package; install_python; start_postgres; configure
  export PYTHONPATH=$ODOO_PACKAGE
  spawn odoo "$LAB/venv/bin/python" "$LAB/root/usr/bin/odoo" -c "$LAB/odoo.conf" -d lab
  for _ in $(seq 240); do curl -sf "http://127.0.0.1:$PORT/web/health" >/dev/null && { echo "$LAB/odoo.json"; return; }; sleep .25; done
  failed "no answer on port $PORT"
}

case ${1:-} in
  up) up ;;
  down) stop odoo; stop postgres ;;
  *) echo "usage: odoo_server.sh up|down" >&2; exit 2 ;;
esac
