#!/bin/sh
# How often times are claimed to differ: times.sh DBMATRIX [ROUNDS]
#
# Compares the times of 240 statements on two servers of the same version, where nothing
# differs, and then on one that lacks an index, where 40 statements are slower. As root; needs
# what `dbmatrix run` needs. It leaves a nest `times`, which `dbmatrix down --nest times` removes.
set -eu

dbmatrix=$1
rounds=${2:-3}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

cat > "$folder/rows.sql" <<'END'
CREATE DATABASE shop;
USE shop;
CREATE TABLE item (id INT PRIMARY KEY, code INT NOT NULL, name VARCHAR(20) NOT NULL,
  price DECIMAL(8,2) NOT NULL, KEY (code));
INSERT INTO item
  SELECT seq, seq * 7 % 100003, CONCAT('item ', seq), seq % 997 / 10 FROM seq_1_to_100000;
CREATE TABLE sale (id INT PRIMARY KEY, item INT NOT NULL, at DATE NOT NULL, pieces INT NOT NULL,
  KEY (item), KEY (at));
INSERT INTO sale
  SELECT seq, seq * 11 % 100000, '2026-01-01' + INTERVAL seq % 300 DAY, seq % 9
  FROM seq_1_to_200000;
END
echo 'USE shop; ALTER TABLE item DROP KEY code;' > "$folder/slow.sql"

cat > "$folder/times.toml" <<'END'
[nest]
name = "times"

[[flavour]]
name = "one"
server = "mariadb:10.11"
setup = ["rows.sql"]

[[flavour]]
name = "other"
server = "mariadb:10.11"
setup = ["rows.sql"]

[[flavour]]
name = "slow"
server = "mariadb:10.11"
setup = ["rows.sql", "slow.sql"]
END

# 40 statements of six kinds, from a tenth of a millisecond to some 20.
number=0
while [ "$number" -lt 40 ]; do
  day=$(printf %02d $((number % 28 + 1)))
  cat <<END
SELECT name AS a$number FROM shop.item WHERE id = $((number * 97 + 1));
SELECT name AS b$number FROM shop.item WHERE code = $((number * 31 + 5));
SELECT COUNT(*) AS c$number FROM shop.item WHERE price > $number;
SELECT at, SUM(pieces) AS d$number FROM shop.sale WHERE at BETWEEN '2026-02-$day' AND '2026-03-15' GROUP BY at ORDER BY at;
SELECT i.name, s.pieces AS e$number FROM shop.sale s JOIN shop.item i ON i.id = s.item WHERE s.at = '2026-05-$day' ORDER BY i.name, s.id LIMIT 50;
SELECT name AS f$number FROM shop.item WHERE name LIKE '%${number}7%' ORDER BY name LIMIT 20;
END
  number=$((number + 1))
done > "$folder/app.log"

# Prints how many statements differ in their times.
claimed() {
  "$dbmatrix" diff "$folder/times.toml" "$folder/app.log" --repeat 7 --yes --all-differences \
    --flavour one --flavour "$1" --report "json=$folder/$1.jsonl" > /dev/null 2> "$folder/errors" ||
    { cat "$folder/errors" >&2; exit 1; }
  grep -c '"event":"diverged".*"times":' "$folder/$1.jsonl" || true
}

round=1
while [ "$round" -le "$rounds" ]; do
  echo "round $round: the same server: $(claimed other) of 240; without an index: $(claimed slow) of 40"
  round=$((round + 1))
done
