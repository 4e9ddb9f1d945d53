WITH top AS MATERIALIZED (
    SELECT item_id FROM events WHERE day BETWEEN $from_date AND $to_date AND event = 'Page View'
    GROUP BY item_id ORDER BY count(*) DESC, coalesce(item_id::VARCHAR, 'undefined') LIMIT 60
)
SELECT coalesce(events.item_id::VARCHAR, 'undefined'), strftime(day, '%Y-%m-%d'), count(*)
FROM events JOIN top ON events.item_id IS NOT DISTINCT FROM top.item_id
WHERE day BETWEEN $from_date AND $to_date AND event = 'Page View' GROUP BY events.item_id, day
