SELECT strftime(day, '%Y-%m-%d'), sum(price) FROM events WHERE day BETWEEN $from_date AND $to_date GROUP BY day
