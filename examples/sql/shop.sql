-- What is there before the first statement of a suite; see setup.toml.
CREATE DATABASE shop;
USE shop;
CREATE TABLE item (id INT PRIMARY KEY, name VARCHAR(20) NOT NULL);
INSERT INTO item VALUES (1, 'anvil'), (2, 'bell');

-- onlyif mariadb
CREATE SEQUENCE item_id START WITH 3;
