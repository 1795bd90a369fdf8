#!/bin/sh
# Installs what the checks need, then runs all of them.
#
#     sh scripts/test.sh                     # everything; heavy parts only if they are there
#     sh scripts/test.sh --all               # also install the heavy parts (CI=true does the same)
#     sh scripts/test.sh --no-install        # use what is there, touch no package manager
#     sh scripts/test.sh -- -k drop -x       # what follows -- goes to pytest
#
# Debian as root installs by apt, macOS by brew; elsewhere it says what is missing.
set -eu
cd "$(dirname "$0")/.."
. scripts/venv.sh

case ${CI:-} in '' | 0 | false) heavy= ;; *) heavy=yes ;; esac
install=yes
while [ $# -gt 0 ]; do
    case $1 in
        --all) heavy=yes ;;
        --no-install) install= ;;
        --) shift; break ;;
        *) die "unknown option $1" "sh scripts/test.sh [--all] [--no-install] [-- PYTEST-ARGUMENTS]" ;;
    esac
    shift
done

PATH="$PATH:/usr/sbin:/usr/local/sbin:/opt/homebrew/sbin"
export PATH
skipped=
# The tests start thousands of processes, and without its bytecode each would compile all of fleet.
unset PYTHONDONTWRITEBYTECODE

# One line a tool: command, Debian's package, Homebrew's (- where it has none), what needs it.
LIGHT='
mosquitto mosquitto mosquitto the-broker-in-nearly-all-integration-tests
mosquitto_pub mosquitto-clients mosquitto bus-publish-direct
dash dash dash bus-publish-under-dash
busybox busybox-static - bus-publish-under-busybox-ash
zsh zsh zsh bus-publish-under-zsh
shellcheck shellcheck shellcheck lint-of-the-shell-scripts
faketime faketime libfaketime clock-tests
xmllint libxml2-utils libxml2 launchd-property-lists
'
HEAVY='
dockerd docker.io - Docker-probe-and-container-tests
docker-registry docker-registry - rollout-of-a-container-by-its-digest
docker-compose docker-compose - tests-of-the-compose-project
bwrap bubblewrap - tests-of-isolated-workers
mmdebstrap mmdebstrap - tests-of-the-images
chromium chromium - web-page-tests
prometheus prometheus prometheus scrape-rule-and-dashboard-tests
alertmanager prometheus-alertmanager - alert-route-tests
nats-server nats-server nats-server broker-matrix
nginx nginx-light nginx tests-of-the-event-stream-behind-a-proxy
collectd collectd-core collectd sidecar-cost-comparison
node nodejs node AsyncAPI-validation
npm npm node AsyncAPI-validation
postgres postgresql postgresql tests-of-the-store-in-PostgreSQL
pgbouncer pgbouncer pgbouncer tests-of-a-pooler-before-it
'

present() {
    # Debian calls some of them otherwise.
    case $1 in
        alertmanager) command -v alertmanager || command -v prometheus-alertmanager ;;
        chromium) command -v chromium || command -v chromium-browser || command -v google-chrome ;;
        # Debian keeps a server's programs off the PATH, by version.
        postgres) command -v postgres || ls /usr/lib/postgresql/*/bin/postgres ;;
        nginx) command -v nginx || ls /usr/sbin/nginx ;;
        pgbouncer) command -v pgbouncer || ls /usr/sbin/pgbouncer ;;
        *) command -v "$1" ;;
    esac >/dev/null 2>&1
}

missing() {
    # missing TABLE COLUMN: that column of each line whose command is not there.
    echo "$1" | while read -r tool debian brew why; do
        [ -z "$tool" ] || present "$tool" || case $2 in
            debian) echo "$debian" ;;
            brew) [ "$brew" = - ] || echo "$brew" ;;
            *) echo "$tool ($why)" ;;
        esac
    done | sort -u
}

apt_install() (
    # Waits for another apt rather than failing beside it.
    # Tests start a PostgreSQL of their own: Debian's package is not to start one on this machine.
    if [ "$1" = postgresql ] && [ ! -e /etc/postgresql-common/createcluster.conf ]; then
        mkdir -p /etc/postgresql-common
        echo 'create_main_cluster = false' >/etc/postgresql-common/createcluster.conf
    fi
    # Nor is any other to start a service: Debian asks this file. An administrator's own stays; one
    # that we were killed beside goes.
    rules=/usr/sbin/policy-rc.d
    if [ ! -e "$rules" ] || grep -q "by fleet's test.sh" "$rules"; then
        trap 'rm -f "$rules"' EXIT
        trap 'exit 130' INT TERM
        printf "#!/bin/sh\n# by fleet's test.sh, while it installs\nexit 101\n" >"$rules"
        chmod +x "$rules"
    fi
    apt-get -o Dpkg::Options::=--force-confold install -qq -y --no-install-recommends -o DPkg::Lock::Timeout=300 "$1" >/dev/null 2>&1
)

install_missing() {
    # install_missing TABLE
    [ -n "$install" ] && [ -n "$(missing "$1" debian)" ] || return 0
    if command -v apt-get >/dev/null 2>&1 && [ "$(id -u)" = 0 ]; then
        export DEBIAN_FRONTEND=noninteractive
        for package in $(missing "$1" debian); do
            # One by one: a package that this release lacks must not take the others with it.
            apt_install "$package" && continue
            [ -n "${updated:-}" ] || apt-get update -qq >/dev/null 2>&1 || true
            updated=yes
            apt_install "$package" ||
                echo "apt could not install $package" >&2
        done
    elif command -v brew >/dev/null 2>&1; then
        for package in $(missing "$1" brew); do
            brew install --quiet "$package" || echo "brew could not install $package" >&2
        done
    else
        # shellcheck disable=SC2046  # the names are meant to become words
        echo "Not root: $(install_hint $(missing "$1" debian))" >&2
    fi
}

note_missing() {
    # note_missing TABLE WHY
    for line in $(missing "$1" why | tr ' ' '_'); do
        skipped="$skipped
  $(echo "$line" | tr '_' ' ' | tr '-' ' '): $2"
    done
}

install_missing "$LIGHT"
note_missing "$LIGHT" "not installed"
if [ -n "$heavy" ]; then
    install_missing "$HEAVY"
    note_missing "$HEAVY" "could not be installed"
else
    note_missing "$HEAVY" "not installed; --all or CI=true installs it"
fi

if [ -n "$install" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    python3 -c 'import ensurepip' 2>/dev/null || apt_install python3-venv || true
fi
make_venv .venv
[ -z "$install" ] || install_project .venv dev

npm_install() {
    # npm_install FOLDER PACKAGE: what package.json there asks for; a registry that is away must not
    # hold the tests up for ever.
    [ -n "$heavy" ] && [ -n "$install" ] && command -v npm >/dev/null 2>&1 || return 0
    [ -d "tests/support/$1/node_modules/$2" ] && return 0
    timeout 180 npm install --prefix "tests/support/$1" --no-package-lock --ignore-scripts \
        --no-audit --no-fund --silent || echo "npm could not install $2" >&2
}

npm_install asyncapi @asyncapi/parser # judges schemas/asyncapi.yaml
npm_install axe axe-core              # judges whether everybody can use the web page
if [ -n "$heavy" ] && [ -n "$install" ]; then
    .venv/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes \
        -r requirements/e2e.txt || echo "pip could not install requirements/e2e.txt" >&2
fi

# The real agents, in environments of their own and outside the checkout; they come while we lint.
agents=
if [ -n "$heavy" ] && [ -n "$install" ]; then
    sh scripts/agents.sh >&2 &
    agents=$!
fi

PATH="$PWD/.venv/bin:$PATH"
export PATH
failed=
check() {
    # check NAME COMMAND...: runs it, remembers a failure, goes on.
    name=$1
    shift
    echo "== $name"
    "$@" || failed="$failed $name"
}

check ruff ruff check .
check format ruff format --check .
if command -v shellcheck >/dev/null 2>&1; then
    # shellcheck disable=SC2046  # no script of ours has a blank in its name
    check shellcheck shellcheck -x scripts/*.sh deploy/*.sh scripts/bus-publish .ci/run
fi
check mypy mypy
check dependencies python -m pip check
[ -z "$agents" ] || wait "$agents" || true
for line in $(sh scripts/agents.sh --list | sed -n 's/: not installed$//p'); do
    skipped="$skipped
  $line (tests against the real agent): not installed; --all or CI=true installs it"
done
# Two workers more than there are cores: tests of real processes mostly wait for a clock or a lease,
# and with one more two cores were idle for two thirds of that.
: "${PYTEST_XDIST_AUTO_NUM_WORKERS:=$(($(getconf _NPROCESSORS_ONLN) + 2))}"
export PYTEST_XDIST_AUTO_NUM_WORKERS
check pytest python scripts/second_look.py "$@"

if [ -n "$skipped" ]; then
    echo
    echo "Absent, so their tests are skipped (pytest names each one above):$skipped"
fi
echo
if [ -n "$failed" ]; then
    echo "FAILED:$failed"
    exit 1
fi
echo "All checks passed."
