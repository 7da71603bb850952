-- Window functions at their edges.
CREATE TABLE sales (day INT, amount INT);

INSERT INTO sales VALUES (1, 10), (2, NULL), (3, 30), (3, 5);

SELECT day, SUM(amount) OVER (ORDER BY day) FROM sales ORDER BY day, amount;

SELECT LAG(amount, 1, 0) OVER (ORDER BY day, amount) FROM sales ORDER BY day, amount;

SELECT LAST_VALUE(amount) IGNORE NULLS OVER (ORDER BY day) FROM sales;

SELECT NTH_VALUE(amount, 2) OVER (ORDER BY day, amount) FROM sales ORDER BY day, amount;

SELECT MEDIAN(amount) OVER () FROM sales LIMIT 1;

SELECT PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY amount) OVER () FROM sales LIMIT 1;

SELECT COUNT(*) OVER (ORDER BY day RANGE INTERVAL 1 DAY PRECEDING) FROM sales;

SELECT COUNT(DISTINCT amount) OVER () FROM sales LIMIT 1;

SELECT SUM(amount) OVER w FROM sales WINDOW w AS (ORDER BY day GROUPS 1 PRECEDING);

SELECT day FROM sales QUALIFY ROW_NUMBER() OVER (ORDER BY day) = 1;
