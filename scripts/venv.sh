# Sourced by the other scripts, in the root of the checkout: finds Python >= 3.11, makes .venv.
# shellcheck shell=sh

die() {
    # die WHAT REMEDY: the two lines that every program of ours prints, and its exit code.
    printf '%s\nTry: %s\n' "$1" "$2" >&2
    exit 3
}

install_hint() {
    # How this machine installs the packages named (Debian's names).
    if command -v apt-get >/dev/null 2>&1; then
        echo "sudo apt-get install -y $*"
    elif command -v brew >/dev/null 2>&1; then
        echo "brew install $*"
    else
        echo "install $* with this system's package manager"
    fi
}

find_python() {
    # Prints the first interpreter that is new enough; $FLEET_PYTHON goes first.
    for candidate in ${FLEET_PYTHON:-} python3 python3.13 python3.12 python3.11 python; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            echo "$candidate"
            return
        fi
    done
    found=$(python3 --version 2>/dev/null || echo 'no python3')
    die "Python 3.11 or newer is needed: found $found" \
        "install Python 3.12, or name one: FLEET_PYTHON=/path/to/python3.12 sh $0"
}

wanted() {
    # What decides what is installed, as one line.
    cat pyproject.toml requirements/*.txt | cksum
}

make_venv() {
    # make_venv DIRECTORY: made again when pyproject.toml or a lock file has changed since, because
    # pip would leave behind what is no longer asked for.
    usable=yes
    for stamp in "$1"/.fleet-installed-*; do
        [ ! -f "$stamp" ] || [ "$(wanted)" = "$(cat "$stamp")" ] || usable=
    done
    "$1/bin/python" -m pip --version >/dev/null 2>&1 || usable=
    [ -z "$usable" ] || return 0
    python=$(find_python) || exit 3
    if ! "$python" -m venv --clear "$1" >/dev/null 2>&1; then
        # Debian keeps ensurepip in a package of its own.
        version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
        die "$python cannot make a virtual environment in $1" "$(install_hint "python$version-venv")"
    fi
}

install_locked() {
    # install_locked VENV LOCK: what requirements/LOCK.txt names, once a virtual environment.
    [ -f "$1/.fleet-installed-$2" ] || {
        "$1/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes \
            -r "requirements/$2.txt" || die "pip could not install requirements/$2.txt" \
            "look at the lines of pip above, then run sh $0 again"
        wanted >"$1/.fleet-installed-$2"
    }
}

install_project() {
    # install_project VENV EXTRAS [REMEDY]: editable, once a virtual environment. Every package is
    # one of the lock file of these extras, held to its hash, what builds the project included.
    stamp="$1/.fleet-installed-$2"
    lock=requirements/$(echo "$2" | tr , -).txt
    remedy=${3:-look at the lines of pip above}
    if [ ! -f "$stamp" ]; then
        pip="$1/bin/python -m pip --quiet --disable-pip-version-check"
        if ! $pip install --require-hashes -r "$lock" -r requirements/build.txt ||
            ! $pip install --no-deps --no-build-isolation -e .; then
            die "pip could not install the project" "$remedy, then run sh $0 again"
        fi
        wanted >"$stamp"
    fi
}
