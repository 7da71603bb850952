#!/bin/bash
# One slow log compared on the same two servers, by dbmatrix and by pt-upgrade: times in
# turn, and what each of them found.
#
#   benches/pt-upgrade.sh target/release/dbmatrix [ROUNDS]      (as root)
#
# Needs percona-toolkit and DBD::mysql (Debian: percona-toolkit). The servers are MariaDB 10.5
# and 11.8 in an engine project of its own, which it removes at the end; dbmatrix also compares
# four, with MariaDB 10.11 and MySQL 9.7. The log is one that MariaDB 10.5 writes of a small
# application. dbmatrix runs every statement, as pt-upgrade does, and makes new copies of its
# servers each time, while pt-upgrade finds two that run.

set -eu -o pipefail

DBMATRIX=$(realpath "${1:?"expected the program"}")
ROUNDS=${2:-5}
PROJECT=dbmatrix-pt-upgrade
WORK=$(mktemp -d)
OLD=mariadb-10.5
NEW=mariadb-11.8

dbmatrix() { "$DBMATRIX" --project "$PROJECT" "$@"; }

remove_all() {
    dbmatrix down --all > /dev/null 2>&1 || true
    rm -rf "$WORK"
}
trap remove_all EXIT

cd "$WORK"
cat > schema.sql << END
CREATE DATABASE shop CHARACTER SET utf8mb4;
USE shop;
CREATE TABLE digit (d INT PRIMARY KEY);
INSERT INTO digit VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9);
CREATE VIEW number AS SELECT 1 + a.d + 10 * b.d + 100 * c.d + 1000 * e.d AS n FROM digit a, digit b, digit c, digit e;
CREATE TABLE customer (id INT PRIMARY KEY, name VARCHAR(40) NOT NULL, KEY (name));
CREATE TABLE article (id INT PRIMARY KEY, title VARCHAR(60) NOT NULL, price DECIMAL(8, 2) NOT NULL);
CREATE TABLE purchase (id INT PRIMARY KEY, customer INT NOT NULL, article INT NOT NULL, pieces INT NOT NULL, KEY (customer));
INSERT INTO customer SELECT n, CONCAT(ELT(1 + n MOD 4, 'Weiß', 'Weiss', 'Muller', 'Müller'), ' ', n DIV 4) FROM number WHERE n <= 2000;
INSERT INTO article SELECT n, CONCAT('article ', n), n * 1.25 FROM number WHERE n <= 500;
INSERT INTO purchase SELECT n, 1 + n MOD 2000, 1 + n MOD 500, 1 + n MOD 7 FROM number;
END
awk 'BEGIN {
    print "USE shop;"
    for (n = 1; n <= 600; n++) {
        printf "SELECT name FROM customer WHERE id = %d;\n", n
        printf "SELECT id FROM customer WHERE name = \x27Weiss %d\x27 ORDER BY id;\n", n % 500
        printf "SELECT title, price FROM article WHERE id IN (%d, %d) ORDER BY id;\n", n % 500, (n * 7) % 500
        printf "SELECT SUM(pieces * price) FROM purchase p JOIN article a ON a.id = p.article WHERE p.customer = %d;\n", n
        printf "SELECT customer, COUNT(*) FROM purchase WHERE article = %d GROUP BY customer ORDER BY customer LIMIT 5;\n", n % 500
    }
    print "SELECT pieces AS offset FROM purchase WHERE id = 3;"
    print "SELECT CONCAT(id, \x27\x27) + 0.5 FROM article WHERE id = 2;"
}' > application.sql
# matrix SERVER…
matrix() {
    printf '[nest]\nname = "pt-upgrade"\n'
    printf '[[flavour]]\nserver = "%s"\n' "$@"
    printf '[defaults]\nsetup = ["schema.sql"]\n'
}
{
    matrix mariadb:10.5
    echo 'settings = { slow-query-log = 1, long-query-time = 0, slow-query-log-file = "/var/lib/mysql/slow.log" }'
} > logging.toml
matrix mariadb:10.5 mariadb:11.8 > two.toml
matrix mariadb:10.5 mariadb:10.11 mariadb:11.8 mysql:9.7 > four.toml
dbmatrix up logging.toml --yes > up.log 2>&1
dbmatrix connect "$OLD" < application.sql > /dev/null
dbmatrix cp "$OLD:/var/lib/mysql/slow.log" whole.log
# What the application sent, without what setup and logins did.
awk '/^# User@Host: /{ entry = $0; getline; keep = /Schema: shop /; if (keep) print entry }
     keep { print }' whole.log > slow.log
dbmatrix diff four.toml slow.log > first.txt 2> /dev/null || true

# The DSN of a flavour that runs: h=…,P=…,u=…,p=…
dsn() {
    local url user place
    url=$(dbmatrix url "$1")
    url=${url#*://}
    user=${url%@*}
    place=${url#*@}
    place=${place%%[/?]*}
    echo "h=${place%:*},P=${place#*:},u=${user%%:*},p=${user#*:},D=shop"
}
seconds() {
    local from
    from=$(date +%s.%N)
    "$@" || true
    awk -v from="$from" -v to="$(date +%s.%N)" 'BEGIN { printf "%.2f", to - from }'
}
# by_dbmatrix MATRIX
by_dbmatrix() { dbmatrix diff "$1.toml" slow.log --per-digest 1000 > "$1.txt" 2> "$1.err"; }
by_pt_upgrade() { pt-upgrade --no-version-check slow.log "$(dsn "$OLD")" "$(dsn "$NEW")" > pt.txt 2> pt.err; }

echo "$(grep -c '^# User@Host' slow.log) statements, $ROUNDS rounds"
echo "dbmatrix s, of four flavours s, pt-upgrade s"
for _ in $(seq "$ROUNDS"); do
    dbmatrix list > /dev/null
    ours=$(seconds by_dbmatrix two)
    dbmatrix list > /dev/null
    four=$(seconds by_dbmatrix four)
    dbmatrix up two.toml > /dev/null 2>&1
    theirs=$(seconds by_pt_upgrade)
    echo "$ours $four $theirs"
done
echo "== dbmatrix found"
grep -E '^DIFF|^    SELECT|^(different|alike)' two.txt
echo "== pt-upgrade found"
grep -E '^(## |# Query class|Reporting class|select|Total|On host)' pt.txt | head -60
