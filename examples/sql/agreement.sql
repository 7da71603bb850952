-- Plain statements, as the classic client splits them.
SELECT 7 / 2, 7 DIV 2;
SELECT 'a' = 'a ';
-- onlyif mysql>=8.0
SELECT JSON_VALUE('{"a": 1}', '$.a');
