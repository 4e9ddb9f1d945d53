SELECT event, strftime(day, '%Y-%m-%d'), count(*)
FROM events WHERE day BETWEEN $from_date AND $to_date GROUP BY event, day
