-- What dumps have to carry, made by the servers' own clients with errors passed
-- over: not every server has everything.
SET NAMES utf8mb4;
CREATE DATABASE awkward CHARACTER SET utf8mb4;
USE awkward;
CREATE TABLE `we``ird; "na'me` (
  `a b` INT AUTO_INCREMENT PRIMARY KEY COMMENT 'it''s; a */ comment -- "x" \\ /*! no */',
  `delimiter` VARCHAR(40) DEFAULT 'a''b\\c;\nd',
  `#` VARCHAR(40) DEFAULT '-- # /* */ //'
) COMMENT='ends in a backslash \\';
INSERT INTO `we``ird; "na'me` (`delimiter`, `#`) VALUES
  ('it''s', '"'), ('a\\', '\\'''), ('line\nline\r\nline', 'tab\t'), ('delimiter //', ';'),
  ('\ndelimiter //\n', '\n\\g\n'), ('\nuse mysql\n', '*/'), ('/*!50003 SELECT 1 */;', '/* '),
  ('`', '``'), ('$$;;//', '-- '), ('\Z\0\b%\_', '\%'), ('émoji 🐬 ß', 'かな');
CREATE TABLE every_byte (id INT AUTO_INCREMENT PRIMARY KEY, body BLOB, fixed BINARY(8), bits BIT(9));
CREATE TABLE digits (d INT);
INSERT INTO digits VALUES (0),(1),(2),(3),(4),(5),(6),(7),(8),(9),(10),(11),(12),(13),(14),(15);
SET SESSION group_concat_max_len = 100000;
INSERT INTO every_byte (body, fixed, bits)
  SELECT UNHEX(GROUP_CONCAT(HEX(CHAR(a.d * 16 + b.d)) ORDER BY a.d, b.d SEPARATOR '')), UNHEX('00275C3B0A0D1AFF'), b'101011100' FROM digits a, digits b;
INSERT INTO every_byte (body) SELECT CHAR(a.d * 16 + b.d, 39, 92, 39, a.d * 16 + b.d, 92) FROM digits a, digits b;
CREATE TABLE in_latin1 (t VARCHAR(40) CHARACTER SET latin1);
INSERT INTO in_latin1 VALUES ('é ''ß'' \\ ;');
CREATE TABLE in_latin2 (t VARCHAR(40) CHARACTER SET latin2);
INSERT INTO in_latin2 VALUES ('łódź; ''x''');
CREATE TABLE in_cp1251 (t VARCHAR(40) CHARACTER SET cp1251);
INSERT INTO in_cp1251 VALUES ('привет; ''x''');
CREATE TABLE in_gbk (t VARCHAR(40) CHARACTER SET gbk);
INSERT INTO in_gbk VALUES (UNHEX('BF5C275C')), (UNHEX('815C3B'));
CREATE TABLE in_sjis (t VARCHAR(40) CHARACTER SET sjis);
INSERT INTO in_sjis VALUES (UNHEX('835C8360')), (UNHEX('955C3B27'));
CREATE TABLE in_big5 (t VARCHAR(40) CHARACTER SET big5);
INSERT INTO in_big5 VALUES (UNHEX('A55CA560'));
CREATE TABLE in_ujis (t VARCHAR(40) CHARACTER SET ujis);
INSERT INTO in_ujis VALUES ('かな; ''x''');
CREATE TABLE in_euckr (t VARCHAR(40) CHARACTER SET euckr);
INSERT INTO in_euckr VALUES ('한글; ''x''');
CREATE TABLE in_ucs2 (t VARCHAR(40) CHARACTER SET ucs2);
INSERT INTO in_ucs2 VALUES ('é ''ß'' \\ ;');
CREATE TABLE in_utf16 (t VARCHAR(40) CHARACTER SET utf16);
INSERT INTO in_utf16 VALUES ('🐬 ''ß'' \\ ;');
CREATE TABLE in_utf32 (t VARCHAR(40) CHARACTER SET utf32);
INSERT INTO in_utf32 VALUES ('🐬 ''ß'' \\ ;');
CREATE TABLE doubled (a INT, b INT GENERATED ALWAYS AS (a * 2) STORED, c VARCHAR(9) GENERATED ALWAYS AS (CONCAT(a, ';''*/')) VIRTUAL);
INSERT INTO doubled (a) VALUES (1), (2);
CREATE TABLE documents (j JSON, CHECK (j IS NOT NULL));
INSERT INTO documents VALUES ('{"a": "it''s; \\"b\\" \\\\ */"}');
CREATE TABLE places (g POINT, d DATETIME(6), e ENUM('a;', 'b''', 'c\\'), s SET('x', 'y;'));
INSERT INTO places VALUES (POINT(1, 2), '2024-02-29 12:34:56.789', 'b''', 'x,y;');
CREATE TABLE parted (id INT PRIMARY KEY, word VARCHAR(9)) PARTITION BY RANGE (id) (PARTITION p0 VALUES LESS THAN (10) COMMENT = 'ten; ''10''', PARTITION p1 VALUES LESS THAN MAXVALUE);
INSERT INTO parted VALUES (1, 'one;'), (11, 'eleven''');
CREATE VIEW busy AS SELECT 'every */5; ''x'' \\ ' AS `a;b`, 1 AS n;
CREATE VIEW busier AS SELECT b.n + 1 AS n FROM busy AS b WHERE b.`a;b` LIKE '%;%' AND '/* x */' <> '-- y';
DELIMITER //
CREATE PROCEDURE ring() COMMENT 'ding; ''dong'' */'
BEGIN
  -- it's; a comment //*
  # and another's;
  /* and; one's more */
  SELECT 'ding; dong', "it's", '*/', '/* x', 'a\\', '\'';
  SELECT 1;;
END//
CREATE FUNCTION triple(n INT) RETURNS INT DETERMINISTIC BEGIN RETURN n * 3; END//
CREATE TRIGGER words_before BEFORE INSERT ON parted FOR EACH ROW
BEGIN
  IF NEW.word IS NULL THEN SET NEW.word = '*/5; ''*'; END IF;
END//
CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY STARTS '2040-01-01 00:00:00' DISABLE COMMENT 'it''s; */'
DO BEGIN DELETE FROM parted WHERE word LIKE '*/5; %'; END//
SET SESSION sql_mode = 'NO_BACKSLASH_ESCAPES,ANSI_QUOTES'//
CREATE PROCEDURE folders() BEGIN SELECT 'C:\', 'D:\it''s; here\' AS "a;b"; END//
CREATE FUNCTION backslash() RETURNS VARCHAR(9) DETERMINISTIC RETURN '\'//
CREATE TRIGGER folders_after AFTER INSERT ON parted FOR EACH ROW SET @folder = 'C:\'//
CREATE EVENT folders_event ON SCHEDULE EVERY 1 DAY DISABLE DO SELECT 'E:\'//
SET SESSION sql_mode = ''//
CREATE PROCEDURE unterminated() SELECT 1 /* a comment; at the end */ -- and one more
//
DELIMITER ;
CREATE SEQUENCE numbers START WITH 5;
SET SESSION binlog_format = 'STATEMENT';
SET @word = 'user''s; variable \\ é';
INSERT INTO parted VALUES (2, 'it''s'), (3, 'a\\'), (12, '//;;');
INSERT INTO parted VALUES (4, LEFT(@word, 9));
INSERT INTO parted SELECT 20 + d, CONCAT(d, '''') FROM digits;
SET SESSION sql_mode = 'NO_BACKSLASH_ESCAPES';
INSERT INTO parted VALUES (6, 'C:\');
UPDATE parted SET word = 'D:\''' WHERE id = 6;
SET SESSION sql_mode = DEFAULT;
SET NAMES latin1;
INSERT INTO in_latin1 VALUES ('caf�; ''�''');
SET NAMES utf8mb4;
CREATE TABLE later AS SELECT 'it''s; */' AS a, /* in; side */ 1 AS b;
SET SESSION binlog_format = 'ROW';
INSERT INTO parted VALUES (7, 'row''s;'), (8, '*/');
UPDATE parted SET word = '\\''' WHERE id = 7;
DELETE FROM parted WHERE id = 8;
FLUSH BINARY LOGS;
