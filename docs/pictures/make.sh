#!/bin/sh
# Makes the pictures of the documentation from real output.
#
#   docs/pictures/make.sh             # runs matrices/mysql.toml, as root
#   docs/pictures/make.sh --again     # draws the recordings of the last time anew
#
# Recordings stay in target/pictures. The page is drawn where weasyprint and pdftoppm
# are installed (apt-get install weasyprint poppler-utils); weasyprint knows no
# `light-dark()`, so it gets the light colours.
set -eu
cd "$(dirname "$0")/../.."
kept=target/pictures
mkdir -p "$kept"
cargo build --quiet --bin dbmatrix --example picture
dbmatrix=target/debug/dbmatrix
compared="SELECT 'a' = 'a ' AS same, 1 + 1 AS two; SELECT 1 + 1 AS two"

# record FILE COMMAND: what the command writes to a terminal of 100 columns.
record() {
    timeout 1200 script -qec "stty cols 100 rows 50; $2" "$kept/$1" </dev/null >/dev/null
    sed -i -e '/^Script started on /d' -e '/^Script done on /d' "$kept/$1"
}

if [ "${1:-}" != --again ]; then
    record run.ansi "$dbmatrix run matrices/mysql.toml --yes --after keep --report html=$kept/run.html 2>$kept/run.err"
    record connect.ansi "$dbmatrix connect --all -e \"$compared\""
fi

# The table and the last line; what stands between is too long for a picture.
{
    sed -n '/┌/,/└/p' "$kept/run.ansi"
    echo
    sed '/^[[:space:]]*$/d' "$kept/run.ansi" | tail -n 1
} | target/debug/examples/picture dbmatrix run matrices/mysql.toml >docs/pictures/run.svg
target/debug/examples/picture "dbmatrix connect --all -e \"$compared\"" \
    <"$kept/connect.ansi" >docs/pictures/connect.svg

if command -v weasyprint >/dev/null && command -v pdftoppm >/dev/null; then
    sed -E 's/light-dark\(([^,]+), [^)]+\)/\1/g' "$kept/run.html" >"$kept/light.html"
    # Nor does it know variables everywhere.
    sed -nE 's/^ *(--[a-z]+): ([^;]+);$/s|var\(\1\)|\2|g/p' "$kept/light.html" >"$kept/page.sed"
    sed -E -i -f "$kept/page.sed" "$kept/light.html"
    printf '@page { size: 880px 790px; margin: 20px }\n' >"$kept/page.css"
    weasyprint --quiet --stylesheet "$kept/page.css" "$kept/light.html" "$kept/page.pdf" 2>/dev/null
    pdftoppm -f 1 -l 1 -r 96 -png -singlefile "$kept/page.pdf" docs/pictures/page
fi
