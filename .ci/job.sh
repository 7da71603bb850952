#!/bin/sh
# The steps of a CI job, one a call. `action.yml` calls them on GitHub; they run anywhere.
#
#   MATRIX=matrices/mysql.toml .ci/job.sh install     # a program in PATH
#   MATRIX=matrices/mysql.toml .ci/job.sh key         # what the cache is called
#   MATRIX=matrices/mysql.toml .ci/job.sh restore     # the nest, if the cache is there
#   MATRIX=matrices/mysql.toml .ci/job.sh run         # suites, with reports
#   MATRIX=matrices/mysql.toml .ci/job.sh save        # the cache, unless it is there
#
# RELEASE    a file or an address that ends in .deb or .tar.gz; without it cargo builds
# CACHE      the file of the cache                       [default: dbmatrix.cache]
# REPORTS    the folder of the reports                   [default: dbmatrix-reports]
# ARGUMENTS  more words for `dbmatrix run`, separated by blanks
set -eu

here=$(cd "$(dirname "$0")/.." && pwd)
cache=${CACHE:-dbmatrix.cache}
reports=${REPORTS:-dbmatrix-reports}

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi
}

# Writes a line for later steps where GitHub reads it.
note() {
    if [ -n "$1" ]; then echo "$2" >> "$1"; fi
}

warn() {
    if [ -n "${GITHUB_ACTIONS:-}" ]; then echo "::warning::$1"; else echo "warning: $1" >&2; fi
}

install_deb() {
    case $1 in
        /*) file=$1 ;;
        *) file=./$1 ;;
    esac
    as_root env DEBIAN_FRONTEND=noninteractive \
        apt-get -q install --yes --no-install-recommends "$file"
}

install_program() {
    release=${RELEASE:-}
    case $release in
        http://* | https://*)
            fetched=$(mktemp -d)/$(basename "$release")
            curl --fail --silent --show-error --location --output "$fetched" "$release"
            release=$fetched
            ;;
    esac
    bin=$HOME/.local/bin
    case $release in
        '') cargo install --quiet --locked --path "$here" --root "$HOME/.local" ;;
        *.deb) install_deb "$release" ;;
        *.tar.gz)
            mkdir -p "$HOME/.local"
            tar --extract --gzip --file="$release" --directory="$HOME/.local" --strip-components=1 usr
            ;;
        *)
            echo "error: expected a release that ends in .deb or .tar.gz; found \`$release\`" >&2
            exit 2
            ;;
    esac
    PATH=$bin:$PATH
    note "${GITHUB_PATH:-}" "$bin"
    dbmatrix --version
}

restore() {
    if [ ! -f "$cache" ]; then
        echo "no cache is there: the run makes everything"
        return
    fi
    status=0
    dbmatrix cache restore "$MATRIX" "$cache" --yes || status=$?
    if [ "$status" = 1 ]; then
        rm -f "$cache"
        warn "the cache was not used: the run makes everything, and a new cache is saved"
        return
    fi
    return "$status"
}

run() {
    mkdir -p "$reports"
    # Words are separated by blanks here.
    # shellcheck disable=SC2086
    dbmatrix run "$MATRIX" --yes --ci --report junit="$reports/junit.xml" \
        --report json="$reports/run.jsonl" --report html="$reports/run.html" ${ARGUMENTS:-}
}

PATH=$HOME/.local/bin:$PATH
case ${1:-} in
    install) install_program ;;
    key)
        key=dbmatrix-$(dbmatrix cache key "$MATRIX")
        note "${GITHUB_OUTPUT:-}" "key=$key"
        echo "$key"
        ;;
    restore) restore ;;
    run) run ;;
    save) [ -f "$cache" ] || dbmatrix cache save "$MATRIX" "$cache" ;;
    *)
        echo "error: expected install, key, restore, run or save; found \`${1:-}\`" >&2
        exit 2
        ;;
esac
