-- Schema and data of the application whose log is beside this file; see ../logs.toml.
CREATE DATABASE bookshop;
USE bookshop;
CREATE TABLE author (id INT PRIMARY KEY, name VARCHAR(40) NOT NULL);
CREATE TABLE book (
  id INT PRIMARY KEY,
  author INT NOT NULL,
  title VARCHAR(60) NOT NULL,
  price DECIMAL(6, 2) NOT NULL,
  details JSON,
  KEY (author)
);
CREATE TABLE page (book INT NOT NULL, offset_in_book INT NOT NULL, words INT NOT NULL);
INSERT INTO author VALUES (1, 'Weiß'), (2, 'Weiss'), (3, 'Ångström'), (4, 'Angstrom');
INSERT INTO book VALUES
  (1, 1, 'Winter', 12.50, '{"pages": 120, "tags": ["snow"]}'),
  (2, 2, 'Summer', 8.00, '{"pages": 80}'),
  (3, 3, 'Rays', 31.99, NULL),
  (4, 4, 'Waves', 19.90, '{"pages": 310, "tags": []}');
INSERT INTO page VALUES (1, 0, 210), (1, 1, 190), (4, 0, 400);
