-- Prepared statements, as SQL has them. Every outcome here is recorded in
-- prepared-statements.sql.expected; `dbmatrix run --update` writes that file.

CREATE TABLE items (id INT PRIMARY KEY, name VARCHAR(10), price DECIMAL(8, 2));
INSERT INTO items VALUES (1, 'pen', 1.50), (2, 'ink', 7.25), (3, 'pad', NULL);

PREPARE by_price FROM 'SELECT id, name FROM items WHERE price >= ? ORDER BY id LIMIT ?';
SET @least = 1, @rows = 1;
EXECUTE by_price USING @least, @rows;
SET @rows = 10;
EXECUTE by_price USING @least, @rows;

-- One parameter too few.
EXECUTE by_price USING @least;

DEALLOCATE PREPARE by_price;
EXECUTE by_price USING @least, @rows;

-- MariaDB runs a statement in one go.
EXECUTE IMMEDIATE 'SELECT COUNT(*) AS items FROM items';

-- What cannot be prepared is refused at once.
PREPARE broken FROM 'SELECT FROM';
