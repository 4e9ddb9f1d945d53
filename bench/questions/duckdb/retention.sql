-- A person's returns are the bits of one number, a bit for each 24 hours after the first event.
WITH born AS (
    SELECT person, min(time_ms) AS born_ms FROM events WHERE day BETWEEN $from_date AND $to_date GROUP BY person
), returned AS (
    SELECT born_ms // 86400000 AS day, count(*) FILTER (time_ms < born_ms + 86400000) > 1 AS at_once,
        bit_or(1::BIGINT << ((time_ms - born_ms) // 86400000)) AS buckets
    FROM born JOIN events USING (person)
    WHERE day BETWEEN $from_date AND $to_date + 31
        AND time_ms >= born_ms AND time_ms < born_ms + 31 * 86400000::BIGINT
    GROUP BY person, born_ms
), counted AS (
    SELECT day, [
        count(*) FILTER (at_once), sum(buckets >> 1 & 1), sum(buckets >> 2 & 1), sum(buckets >> 3 & 1),
        sum(buckets >> 4 & 1), sum(buckets >> 5 & 1), sum(buckets >> 6 & 1), sum(buckets >> 7 & 1),
        sum(buckets >> 8 & 1), sum(buckets >> 9 & 1), sum(buckets >> 10 & 1), sum(buckets >> 11 & 1),
        sum(buckets >> 12 & 1), sum(buckets >> 13 & 1), sum(buckets >> 14 & 1), sum(buckets >> 15 & 1),
        sum(buckets >> 16 & 1), sum(buckets >> 17 & 1), sum(buckets >> 18 & 1), sum(buckets >> 19 & 1),
        sum(buckets >> 20 & 1), sum(buckets >> 21 & 1), sum(buckets >> 22 & 1), sum(buckets >> 23 & 1),
        sum(buckets >> 24 & 1), sum(buckets >> 25 & 1), sum(buckets >> 26 & 1), sum(buckets >> 27 & 1),
        sum(buckets >> 28 & 1), sum(buckets >> 29 & 1), sum(buckets >> 30 & 1)
    ] AS counts
    FROM returned GROUP BY day
)
SELECT strftime(make_date(day::INTEGER), '%Y-%m-%d'), unnest(range(31)), unnest(counts) FROM counted
