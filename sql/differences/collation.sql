-- Character sets and collations that nobody asked for.
SELECT @@character_set_server, @@collation_server;

SELECT @@collation_connection;

CREATE TABLE words (word VARCHAR(10));

SELECT COLLATION_NAME FROM information_schema.COLUMNS
WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'words' AND COLUMN_NAME = 'word';

INSERT INTO words VALUES ('a'), ('A'), ('ä'), ('a '), ('ß'), ('ss');

SELECT COUNT(DISTINCT word) FROM words;

SELECT 'a' = 'a ' AS trailing_blank, 'a' = 'ä' AS accent, 'ß' = 'ss' AS sharp_s;

SELECT '🍣' = '🍺' AS emoji;

CREATE TABLE utf8_names (word VARCHAR(10) CHARACTER SET utf8);

SELECT CHARACTER_SET_NAME FROM information_schema.COLUMNS
WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'utf8_names' AND COLUMN_NAME = 'word';

CREATE TABLE modern (word VARCHAR(10) COLLATE utf8mb4_0900_ai_ci);

CREATE TABLE uca14 (word VARCHAR(10) COLLATE utf8mb4_uca1400_ai_ci);
