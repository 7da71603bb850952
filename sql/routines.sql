-- Stored routines: DELIMITER as the classic client has it.

CREATE TABLE log (n INT AUTO_INCREMENT PRIMARY KEY, what VARCHAR(40));

DELIMITER //
CREATE PROCEDURE count_to(IN last INT)
BEGIN
    DECLARE i INT DEFAULT 1;
    WHILE i <= last DO
        INSERT INTO log (what) VALUES (CONCAT('step ', i));
        SET i = i + 1;
    END WHILE;
    SELECT COUNT(*) AS steps FROM log;
    SELECT MAX(what) AS last_step FROM log;
END//

CREATE FUNCTION twice(n INT) RETURNS INT DETERMINISTIC NO SQL
RETURN n * 2//

CREATE TRIGGER shout BEFORE INSERT ON log FOR EACH ROW
SET NEW.what = UPPER(NEW.what)//
DELIMITER ;

-- Two result sets and the end of the call.
CALL count_to(3);
SELECT twice(21) AS answer;
SELECT n, what FROM log ORDER BY n;

-- Conditions of one's own.
DELIMITER //
CREATE PROCEDURE refuse() BEGIN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'not today'; END//
DELIMITER ;
CALL refuse();

-- Oracle's way of calling, sequences: MariaDB since 10.3.
CREATE SEQUENCE tickets START WITH 5;
SELECT NEXT VALUE FOR tickets AS ticket;
