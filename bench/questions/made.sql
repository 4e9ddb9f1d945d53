-- Events by number: each is a function of its number alone. Times follow no order, so that every insert has events of
-- all days. A few devices have many events, and most have some. Four of five devices belong to a user; four in ten of
-- their events name that user, the others name the device alone.
SELECT
    number,
    cityHash64(number, 1) AS a,
    cityHash64(number, 2) AS b,
    cityHash64(number, 3) AS c,
    cityHash64(number, 4) AS d,
    {begin_ms:Int64} + toInt64(a % toUInt64({span_ms:Int64})) AS time_ms,
    ['Page View', 'Product View', 'Search', 'Add to Cart', 'Scroll', 'Click', 'Log In', 'Log Out', 'Checkout', 'Purchase',
        'Sign Up', 'Share', 'Rate', 'Filter', 'Wish', 'Play', 'Stop', 'Invite', 'Ask', 'Export'][
        arrayFirstIndex(share -> share > intDiv(b, 8) % 100,
            [30, 45, 53, 60, 66, 72, 76, 79, 82, 84, 86, 88, 90, 92, 94, 96, 97, 98, 99, 100])] AS event,
    toUInt64({devices:UInt64} * pow(intDiv(c, 4294967296) / 4294967296, 1.5)) AS device,
    device % 5 != 0 AS linked,
    intDiv(device * 4, 5) % {users:UInt64} AS user,
    linked AND intDiv(b, 1024) % 10 < 4 AS named,
    if(linked, user, {users:UInt64} + device) AS person,
    ['Chrome', 'Safari', 'Firefox', 'Edge', 'Opera'][1 + least(device % 11, device % 7, 4)] AS browser,
    ['Windows', 'iOS', 'Android', 'Mac OS X', 'Linux', 'Chrome OS'][1 + device % 13 % 6] AS os,
    toInt64(100 + device % 41) AS browser_version,
    concat('https://shop.example.com/products/', toString(intDiv(b, 65536) % 1000000)) AS current_url,
    concat('https://www.example.com/from/', toString(intDiv(d, 4096) % 200)) AS referrer,
    concat('City ', toString(device % 1999)) AS city,
    ['DE', 'US', 'FR', 'GB', 'IN', 'BR', 'JP', 'NL'][1 + device % 17 % 8] AS country,
    toInt64([1080, 1440, 900, 2160, 844][1 + device % 19 % 5]) AS screen_height,
    ['free', 'pro', 'team', 'company'][1 + device % 23 % 4] AS plan,
    if(intDiv(d, 65536) % 50 != 0, concat('item-', toString(toUInt32(50000 * pow(c % 4294967296 / 4294967296, 2)))), NULL) AS item_id,
    toInt64(intDiv(d, 1048576) % 20000) / 100 AS price,
    toInt64(1 + intDiv(d, 1073741824) % 9) AS quantity,
    arrayFilter((tag, place) -> bitTest(d, place), ['new', 'sale', 'gift', 'last'], [60, 61, 62, 63]) AS tags,
    bitTest(d, 59) = 1 AS is_member,
    lower(hex(sipHash64(intDiv(a, 1048576) % 1000000))) AS session_id,
    if(intDiv(d, 17179869184) % 3 = 0, concat('campaign-', toString(intDiv(d, 68719476736) % 24)), NULL) AS utm_campaign
FROM numbers({from_number:UInt64}, {count:UInt64})
