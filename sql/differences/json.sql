-- JSON is a type of its own in MySQL and a checked text in MariaDB.
CREATE TABLE documents (id INT PRIMARY KEY, body JSON);

INSERT INTO documents VALUES (1, '{"b": 1, "a": [1, 2.50, null]}');

SELECT DATA_TYPE FROM information_schema.COLUMNS
WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 'documents' AND COLUMN_NAME = 'body';

-- MySQL sorts the keys and writes numbers anew; MariaDB keeps the text.
SELECT body FROM documents;

SELECT body -> '$.a[0]' FROM documents;

SELECT JSON_TYPE(JSON_EXTRACT(body, '$.a[1]')) FROM documents;

SELECT JSON_EXTRACT(body, '$.a[1]') FROM documents;

INSERT INTO documents VALUES (2, '{not json}');

SELECT body = JSON_OBJECT('a', JSON_ARRAY(1, 2.50, NULL), 'b', 1) AS same FROM documents;

SELECT JSON_VALUE('{"a": "x"}', '$.a');

SELECT JSON_ARRAYAGG(id) FROM documents;

SELECT * FROM JSON_TABLE('[1, 2]', '$[*]' COLUMNS (n INT PATH '$')) AS numbers ORDER BY n;

SELECT JSON_PRETTY('[1]');

SELECT JSON_DETAILED('[1]');

SELECT 1 MEMBER OF ('[1, 2]');
