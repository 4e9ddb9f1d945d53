WITH entered AS MATERIALIZED (
    SELECT person, min(time_ms) AS first_ms FROM events
    WHERE event = 'Page View' AND day BETWEEN $from_date AND $to_date GROUP BY person
), second AS MATERIALIZED (
    SELECT person, first_ms, min(time_ms) AS second_ms FROM entered JOIN events USING (person)
    WHERE event = 'Add to Cart' AND day BETWEEN $from_date - 1 AND $to_date + 7
        AND time_ms > first_ms - 2000 AND time_ms <= first_ms + 604800000
    GROUP BY person, first_ms
), third AS MATERIALIZED (
    SELECT person FROM second JOIN events USING (person)
    WHERE event = 'Purchase' AND day BETWEEN $from_date - 1 AND $to_date + 7
        AND time_ms > second_ms - 2000 AND time_ms <= first_ms + 604800000
    GROUP BY person
)
SELECT 0, count(*) FROM entered UNION ALL SELECT 1, count(*) FROM second UNION ALL SELECT 2, count(*) FROM third
