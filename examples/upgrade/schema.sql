-- A small shop, with something of each kind that an upgrade may change.

CREATE DATABASE bookshop DEFAULT CHARACTER SET utf8mb4;
USE bookshop;

CREATE TABLE author (
  id INT(11) NOT NULL AUTO_INCREMENT,
  name VARCHAR(80) NOT NULL,
  born YEAR(4) DEFAULT NULL,
  PRIMARY KEY (id),
  UNIQUE KEY name (name)
) ENGINE=InnoDB;

CREATE TABLE book (
  id INT(10) UNSIGNED NOT NULL AUTO_INCREMENT,
  author INT(11) NOT NULL,
  title VARCHAR(120) CHARACTER SET utf8 NOT NULL,
  price DECIMAL(8,2) NOT NULL DEFAULT '0.00',
  weight FLOAT DEFAULT NULL,
  cover ENUM('hard','soft') NOT NULL DEFAULT 'soft',
  seen TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP ON UPDATE CURRENT_TIMESTAMP,
  scan BLOB,
  PRIMARY KEY (id),
  KEY by_title (title(20)),
  CONSTRAINT book_author FOREIGN KEY (author) REFERENCES author (id) ON DELETE CASCADE
) ENGINE=InnoDB COMMENT='what is sold';

CREATE TABLE note (line INT, text VARCHAR(40)) ENGINE=MyISAM DEFAULT CHARSET=latin1;

INSERT INTO author (name, born) VALUES ('Ada Åström', 1961), ('Bo ''Beetle'' Ek', NULL), ('陳', 1950);
INSERT INTO book (author, title, price, weight, cover, seen, scan) VALUES
  (1, 'Sea – and back', 12.50, 0.35, 'hard', '2015-03-01 10:00:00', x'00FF27'),
  (1, 'Ñandú', 7.00, NULL, 'soft', '2016-03-01 10:00:00', NULL),
  (2, 'C:\\temp', 0.99, 1.1, 'soft', '2017-03-01 10:00:00', x''),
  (3, '一', 100.00, 2.25, 'hard', '2018-03-01 10:00:00', x'5C');
INSERT INTO note VALUES (1, 'café'), (1, 'café'), (2, NULL);

CREATE TABLE sale (id INT PRIMARY KEY, book INT UNSIGNED, copies INT) ENGINE=InnoDB;

DELIMITER //
CREATE TRIGGER sale_positive BEFORE INSERT ON sale FOR EACH ROW
BEGIN
  IF NEW.copies < 1 THEN SET NEW.copies = 1; END IF;
END//
CREATE PROCEDURE sell(IN which INT, IN many INT)
BEGIN
  INSERT INTO sale SELECT COALESCE(MAX(id), 0) + 1, which, many FROM sale;
END//
CREATE FUNCTION gross(net DECIMAL(8,2)) RETURNS DECIMAL(8,2) DETERMINISTIC
  RETURN net * 1.25//
CREATE EVENT forget ON SCHEDULE EVERY 1 DAY STARTS '2030-01-01 00:00:00' DO
  DELETE FROM sale WHERE copies = 0//
DELIMITER ;

CALL sell(1, 3);
CALL sell(2, 0);

CREATE VIEW catalogue AS
  SELECT book.id, author.name, book.title, gross(book.price) AS price
  FROM book JOIN author ON author.id = book.author
  WHERE book.price > 0 AND (author.born IS NULL OR author.born < 2000);

CREATE USER 'clerk'@'%' IDENTIFIED BY 'paper-4-books';
GRANT SELECT, INSERT ON bookshop.* TO 'clerk'@'%';
GRANT UPDATE (price) ON bookshop.book TO 'clerk'@'%';
CREATE USER 'boss'@'10.%' IDENTIFIED BY 'leather-4-books';
GRANT ALL PRIVILEGES ON *.* TO 'boss'@'10.%' WITH GRANT OPTION;
