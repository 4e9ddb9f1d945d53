SELECT strftime(day, '%Y-%m-%d'), count(*)
FROM (SELECT DISTINCT day, person FROM events WHERE day BETWEEN $from_date AND $to_date) GROUP BY day
