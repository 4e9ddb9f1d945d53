WITH counted AS MATERIALIZED (
    SELECT browser, day, count(*) AS events FROM events WHERE day BETWEEN $from_date AND $to_date GROUP BY browser, day
), top AS (
    SELECT browser FROM counted
    GROUP BY browser ORDER BY sum(events) DESC, coalesce(browser::VARCHAR, 'undefined') LIMIT 60
)
SELECT coalesce(counted.browser::VARCHAR, 'undefined'), strftime(day, '%Y-%m-%d'), events
FROM counted JOIN top ON counted.browser IS NOT DISTINCT FROM top.browser
