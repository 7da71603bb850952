-- Schema and data of a small shop, written for MySQL 5.6; its log is beside this file.
CREATE DATABASE shop DEFAULT CHARACTER SET utf8;
USE shop;
CREATE TABLE customer (
  id INT(11) NOT NULL AUTO_INCREMENT,
  name VARCHAR(40) NOT NULL,
  email VARCHAR(60) NOT NULL,
  `rank` INT(11) NOT NULL DEFAULT '0',
  born DATE NOT NULL DEFAULT '1970-01-01',
  PRIMARY KEY (id),
  KEY email (email)
) ENGINE=InnoDB;
CREATE TABLE orders (
  id INT(11) NOT NULL AUTO_INCREMENT,
  customer INT(11) NOT NULL,
  status VARCHAR(10) NOT NULL,
  total DECIMAL(8,2) NOT NULL,
  placed DATETIME NOT NULL,
  PRIMARY KEY (id),
  KEY customer (customer),
  KEY placed (placed)
) ENGINE=InnoDB;
CREATE TABLE line (
  orders INT(11) NOT NULL,
  article VARCHAR(30) NOT NULL,
  amount INT(11) NOT NULL,
  price DECIMAL(8,2) NOT NULL,
  KEY orders (orders)
) ENGINE=InnoDB;
CREATE TABLE note (
  id INT(11) NOT NULL AUTO_INCREMENT,
  orders INT(11) NOT NULL,
  body TEXT,
  PRIMARY KEY (id)
) ENGINE=InnoDB;
INSERT INTO customer (name, email, `rank`, born) VALUES
  ('Ada', 'ada@shop.example', 3, '1971-12-10'), ('Béla', 'bela@shop.example', 1, '1980-02-29'),
  ('Chloé', 'chloe@shop.example', 2, '1990-07-14'), ('Dana', 'dana@shop.example', 1, '1985-01-01');
INSERT INTO orders (customer, status, total, placed) VALUES
  (2, 'paid', 19.90, '2015-03-01 09:00:00'), (1, 'new', 5.00, '2015-03-01 10:30:00'),
  (4, 'sent', 42.00, '2015-03-02 11:00:00'), (1, 'paid', 7.50, '2015-03-03 12:00:00'),
  (3, 'new', 99.99, '2015-03-03 12:30:00'), (2, 'sent', 12.00, '2015-03-04 08:15:00');
INSERT INTO line VALUES
  (1, 'pen', 10, 1.99), (2, 'book', 1, 5.00), (3, 'lamp', 1, 42.00), (4, 'pen', 3, 2.50),
  (5, 'chair', 1, 99.99), (6, 'book', 2, 6.00);
INSERT INTO note (orders, body) VALUES (1, 'gift wrap'), (3, 'fragile: glass lamp'), (5, 'call before noon');
