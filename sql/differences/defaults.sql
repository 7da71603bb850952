-- How defaults are told by information_schema, and what a bare table is like.
CREATE TABLE defaults (
    id INT AUTO_INCREMENT PRIMARY KEY,
    nothing INT,
    nought INT NOT NULL DEFAULT 0,
    word VARCHAR(10) DEFAULT 'a',
    moment TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
    expression INT DEFAULT (1 + 1)
);

SELECT COLUMN_NAME, COLUMN_DEFAULT FROM information_schema.COLUMNS
WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'defaults'
ORDER BY ORDINAL_POSITION;

SELECT COLUMN_NAME, EXTRA FROM information_schema.COLUMNS
WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'defaults'
ORDER BY ORDINAL_POSITION;

SELECT COLUMN_NAME, COLUMN_TYPE FROM information_schema.COLUMNS
WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'defaults'
ORDER BY ORDINAL_POSITION;

INSERT INTO defaults () VALUES ();

SELECT id, nothing, nought, word, expression FROM defaults;

-- Integer display widths, which MySQL dropped in 8.0.19.
SELECT COLUMN_TYPE FROM information_schema.COLUMNS
WHERE TABLE_SCHEMA = DATABASE() AND COLUMN_NAME = 'nought';

-- The mode in which all of this runs.
SELECT @@sql_mode LIKE '%STRICT_TRANS_TABLES%' AS strict,
       @@sql_mode LIKE '%ONLY_FULL_GROUP_BY%' AS full_group_by,
       @@sql_mode LIKE '%NO_ZERO_DATE%' AS no_zero_date;

INSERT INTO defaults (moment) VALUES ('0000-00-00 00:00:00');

SELECT word, COUNT(*), nought FROM defaults GROUP BY word;
