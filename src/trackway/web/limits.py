"""Limits of `web`: one constant each, with its unit and its source."""

# Forms and lists
WEB_FORM_BYTES_MAX = 64 * 1024
"""Body of a form, unless its page accepts more."""
WEB_FORM_FIELDS_MAX = 256
"""Fields of a form of a page."""
WEB_ROWS_MAX = 500
"""Rows of a table of projects or service accounts on a page, which also shows the number of all rows."""
PROJECTS_UNSEARCHED_MAX = 20
"""Projects in a list without a search. A longer list has one."""
PROJECTS_ACTIVE_MAX = 50
"""Projects of a list whose events are counted. The others of a long list are found by its search."""
PROJECTS_ACTIVE_S_MAX = 2.0
"""Seconds that a list of projects waits for these counts. After them it comes without."""
SAVED_REPORTS_PER_PAGE = 100
"""Saved reports on a page of their list."""
AUDIT_PAGE_ROWS = 100
"""Entries of the audit on a page."""

# Sessions
SESSION_SEEN_S = 300.0
"""How coarse the time is at which a person's session was last used."""
SESSIONS_SEEN_HELD_MAX = 10_000
"""Sessions of people whose last use an edge process remembers, so that it writes it seldom."""
PROVIDER_S_MAX = 10.0
"""Time of one request to a provider of OpenID Connect."""
PROVIDER_ANSWER_BYTES_MAX = 512 * 1024
"""Bytes of its answer, head included."""
PROVIDER_REQUESTS_MAX = 16
"""Requests of an edge process to it that wait for answers. Beyond it a sign-in gets a 503."""
PROVIDER_FAILURES_LOGGED_PER_MINUTE = 60
"""Failed sign-ins by the provider that an edge process logs in a minute. Strangers can cause them."""
PROVIDER_KNOWN_S = 3600.0
"""Time until the addresses and keys of the provider are read again."""
PROVIDER_REFRESH_S = 60.0
"""The same where an unknown key has signed an answer: a flood of such answers reads no more."""
PROVIDER_ATTEMPT_S_MAX = 600
"""Time from the way to the provider to the way back."""
PROVIDER_CLOCK_S = 60
"""Seconds by which the clocks of the provider and of this server may differ."""
SECOND_STEP_S_MAX = 300
"""Time from the password to the code of a second factor."""
FACTOR_SETUP_S_MAX = 600
"""Time that the page of a new second factor may be open."""
QR_MODULE_PIXELS = 4
"""Size of one square of a QR code."""
ENDED_SESSIONS_LOOK_S = 1.0
"""Time between two looks of an edge process for sessions that were signed out on other machines."""

# Invitations
LINK_MAILS_PER_HOUR = 100
"""Mails of invitations and of links for new passwords that an edge process sends in an hour."""
LINK_MAIL_THREADS = 2
"""Such mails that it sends at once."""

# Events
EVENTS_PER_PAGE = 50
"""Events on a page."""
EVENT_FILTER_PROPERTIES_MAX = 4
"""Properties in one filter of events."""
FILTER_CHARACTERS_MAX = 255
"""Name, id or value in a filter of events. Stored ones are no longer."""

EVENT_TABLE_EVENTS_MAX = 200_000
"""Events in one Parquet file, which the embedded store makes in memory. JSON lines are streamed, any number of them."""
EVENT_CSV_EVENTS_MAX = 1_000_000
"""Events in one CSV file of events. Excel, LibreOffice and others show 1,048,576 rows of a sheet, and drop the rest."""
EVENT_CSV_COLUMNS_MAX = 50
"""Properties with a column of their own in such a file. All others are in its last column."""
EVENT_CSV_COLUMNS_BYTES_MAX = 8 * 1024
"""Bytes of the names of these properties as JSON, which go to the store in a URL."""

# Live events
LIVE_VIEWERS_MAX = 16
"""Live pages of an edge process. Beyond it the newest page of the visitor with most is closed for one with fewer."""
LIVE_ASK_S = 0.4
"""Time between two queries of such a page to the store, while events arrive."""
LIVE_EVENTS_MAX = 25
"""Events in one message to such a page. Of more events the newest are drawn, and all are counted."""
LIVE_POLL_S = 0.2
"""How often such a page reads from shared memory whether new events were loaded."""
LIVE_QUIET_S = 10.0
"""After this time without an event a comment is sent, so that a disconnected client is noticed."""
LIVE_SEND_S_MAX = 20.0
"""A client that has not read a message after this time is disconnected."""
LIVE_S_MAX = 60.0
"""A live page reconnects after this time, so that it ends when its session has ended."""

# Rejected records
REJECTED_SHOWN_PER_PAGE = 20
"""Rejected records on one page."""
REASON_CHARACTERS_MAX = 4096
"""Reason in the address of a page. No reason is nearly as long."""
REPLAY_EDITED_BYTES_MAX = 256 * 1024
"""A rejected record up to this size can be edited on its page. A larger one can be replayed as it is."""

# Charts
CHART_LABELS_MAX = 8
"""Labels below the axis of a chart."""
CHARTED_NAMES = 7
"""Event names with a color of their own in a chart. The others share one."""
PERSON_CHARTED_NAMES = 6
"""The same in the chart of a user's or group's events."""
CUT_BARS_SHOWN_MAX = 3
"""Bars of a chart that are higher than its axis and whose figures the page lists."""

# The checklist
CHECKLIST_LAG_S_MAX = 10.0
"""Lag of the store beyond which the checklist reports a slow load."""
UNHEEDED_S_MAX = 86_400.0
"""For this long the checklist reports an `X-Forwarded-For` header that was not believed."""
CROWD_CONNECTIONS_MIN = 50
"""Connections of a process from which the checklist reports that most of them are from one address."""

# Shared links
SHARED_VIEW_KEPT_S = 300.0
"""How old an answer may be that a link shows. An edge process asks a report once in this time, however many look."""
SHARED_FAULT_KEPT_S = 10.0
"""How long a failure to answer is kept for links."""
SHARED_VIEWS_BYTES_MAX = 32 * 1024 * 1024
"""Answers that an edge process keeps for links, some 50 KB each. Beyond it the oldest is dropped, and asked again."""
SHARED_VIEW_OVERHEAD_BYTES = 2048
"""What an answer takes besides its texts and its picture, about."""
SHARED_VALUE_USERS_MIN = 5
"""Users that a value of a breakdown has in the range of a report, so that a link shows it."""
SHARED_VALUES_COUNTED_MAX = 1000
"""Values of each level of a breakdown whose users are counted for a link, those with most users."""
SHARED_LINK_KNOWN_S = 2.0
"""How long an edge process believes what it read of a link. A revoked link is closed after this time at most."""
SHARED_LINKS_KNOWN_MAX = 1000
"""Links that an edge process knows to exist. Beyond it the one that was read first is forgotten."""
SHARED_LINKS_HELD_MAX = 16
"""Links whose reports an edge process holds for SHARED_LINK_KNOWN_S, 1.5 MB each at most: a full dashboard."""
SHARED_VISITS_PER_MINUTE = 300
"""Visits of links by one client, at each edge process. It holds for sign-ins by a provider, too."""
SHARED_GUESSES_PER_MINUTE = 60
"""Look-ups of tokens that are not known to open anything, by one client, at each edge process. It holds for returns
from a provider, too."""
SHARED_GUESSES_OF_ALL_PER_MINUTE = 6000
"""The same by all clients of an edge process. A look-up takes the thread of changes about a millisecond."""
SHARED_CLIENTS_COUNTED_MAX = 20_000
"""Clients whose visits an edge process counts in a minute. Beyond it, further clients are refused."""

# Alerts
ALERT_TEST_WAIT_S_MAX = 15.0
"""How long the page of an alert waits for the outcome of a test. The log has it later."""
ALERT_TEST_POLL_S = 0.5
"""How often it reads whether the outcome is there."""
ALERT_FAILURES_SHOWN_S = 86_400.0
"""For this long the health page names messages of alerts that were given up."""

# Trends
TREND_EVENTS_MAX = 5
"""Events in one trend."""
TREND_FILTERS_MAX = 6
"""Filters of a trend."""
TREND_VALUES_MAX = 25
"""Values of a breakdown in one trend, the most frequent ones."""
TREND_BUCKETS_MAX = 400
"""Hours, days, weeks or months in one trend: a year by day."""
TREND_DRAWN_MAX = 8
"""Series in the picture of a trend, as many as there are colors. The table has all."""
TREND_DOTS_MAX = 62
"""Buckets up to which a line has a dot for each."""
DASHBOARD_CARDS_AT_ONCE = 3
"""Reports of a dashboard that are asked at once, by its script or by the page with all of them."""
SUGGESTIONS_MAX = 100
"""Names or values that a form of reports suggests for a field."""
EVENTS_OFFERED_MAX = 10
"""Events that the empty page of trends offers as links."""

# Users
PEOPLE_ROWS = 50
"""Users of one page of their list."""
PEOPLE_LISTED_MAX = 10_000
"""Users of a search that can be listed, in its order. All are counted."""
PEOPLE_FILTERS_MAX = 6
"""Filters of a search for users."""
PEOPLE_COLUMNS_MAX = 12
"""Properties of users that a list shows."""

# Reports
STEP_FILTERS_MAX = 3
"""Filters of one step of a funnel, or of one event of retention or flows."""
REPORT_FILTERS_MAX = 6
"""Filters of a whole report of funnels, retention or flows."""
PAGE_REPORT_S_MAX = 15.0
"""Seconds for the events of persons that a page of funnels or flows follows."""
FUNNEL_FORM_STEPS_MAX = 8
"""Steps of a funnel on its page. The API takes more."""
FUNNEL_FORM_EXCLUSIONS_MAX = 3
"""Exclusions of a funnel on its page."""
FUNNEL_VALUES_MAX = 25
"""Values of a funnel's breakdown, those with most entries."""
FUNNEL_PEOPLE_PER_PAGE = 50
"""Persons of a funnel on one page."""
FUNNEL_PEOPLE_MAX = 10_000
"""Persons of a funnel that can be listed, those who began last. All are counted."""
RETENTION_PERIODS_MAX = 31
"""Days, weeks or months after its begin for which a page shows retention."""
RETENTION_ROWS_MAX = 100
"""Rows of retention on a page."""
RETENTION_SHOWN_VALUES_MAX = 25
"""Values of a breakdown of retention on a page, those with most returns."""
FLOW_FORM_HIDDEN_MAX = 5
"""Events that the form of flows passes over."""
FLOW_EVENTS_DRAWN_MAX = 6
"""Events of a column in the picture of flows, the most frequent ones."""
FLOW_PATHS_SHOWN_MAX = 25
"""Paths of flows on a page, the most frequent ones."""
