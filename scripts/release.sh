#!/bin/sh
# Builds a release into dist/, from what is committed, and checks it; uploads nothing.
#
#     sh scripts/release.sh            # wheel, sdist, notes, SBOM and their checksums
#     sh scripts/release.sh REVISION   # of another revision than HEAD
#     FLEET_RELEASE_KEY=FILE sh scripts/release.sh  # and signs them
#
# dist/NOTES-VERSION.md is the section of CHANGELOG.md, dist/sbom-NAME.cdx.json a CycloneDX bill of
# what each image holds beside Python, dist/SHA256SUMS covers all, and
# SHA256SUMS.sig signs it where FLEET_RELEASE_KEY names an SSH key. The build runs in an export of the
# revision, in a virtual environment of its own, with tools that are pinned by hash.
set -eu
cd "$(dirname "$0")/.."
. scripts/venv.sh

revision=${1:-HEAD}
git rev-parse --quiet --verify "$revision^{commit}" >/dev/null ||
    die "$revision is no revision" "sh scripts/release.sh [REVISION]"

sh scripts/sign-release.sh
scripts=$PWD/scripts

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
make_venv .venv-release
install_locked .venv-release release
tools=$PWD/.venv-release/bin
rm -rf dist
mkdir dist
out=$PWD/dist

# Times in the archives are the commit's, so that who builds again gets the same bytes.
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct "$revision")
export SOURCE_DATE_EPOCH
mkdir "$work/source"
git archive "$revision" | tar -x -C "$work/source"
cd "$work/source"
"$tools/python" -m build --no-isolation --outdir "$out" . >&2
version=$("$tools/python" scripts/release_notes.py version)
"$tools/python" scripts/release_notes.py notes "$version" >"$out/NOTES-$version.md"

# What was built is what is told, installs beside locked packages, and runs.
"$tools/python" -m twine check --strict "$out"/*.whl "$out"/*.tar.gz >&2
find_python >"$work/python"
for lock in hub-postgres signing; do
    "$(cat "$work/python")" -m venv "$work/$lock"
    "$work/$lock/bin/python" -m pip install --quiet --disable-pip-version-check --require-hashes \
        -r "requirements/$lock.txt"
    "$work/$lock/bin/python" -m pip install --quiet --disable-pip-version-check --no-index \
        --no-deps "$out"/*.whl
    "$work/$lock/bin/python" -m pip --disable-pip-version-check check >&2
    "$work/$lock/bin/python" -m pip --quiet --disable-pip-version-check uninstall -y pip setuptools \
        >&2 2>/dev/null || true
    case $lock in hub-postgres) name=hub ;; *) name=sidecar ;; esac
    "$tools/cyclonedx-py" environment --output-reproducible --pyproject pyproject.toml --mc-type application \
        --output-format JSON --output-file "$out/sbom-$name.cdx.json" "$work/$lock/bin/python" >&2
done
said=$("$work/hub/bin/fleet" --version)
case $said in *"$version"*) ;; *) die "the wheel says $said, not $version" "git status" ;; esac
"$work/signing/bin/agent-sidecar" --version >&2
"$work/signing/bin/bus-publish" --help >/dev/null
[ -f "$work/hub/share/man/man1/fleet.1" ] || die "the wheel has no manual pages" "git status"

cd "$out"
if command -v sha256sum >/dev/null 2>&1; then sum=sha256sum; else sum='shasum -a 256'; fi
$sum -- * >"$work/SHA256SUMS"
mv "$work/SHA256SUMS" SHA256SUMS
cat SHA256SUMS
sh "$scripts/sign-release.sh" SHA256SUMS
