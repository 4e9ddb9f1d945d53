"""Seven questions about ten million events, asked of trackway and of DuckDB side by side.

DuckDB holds the same events as a user could prepare them by hand: without duplicates, each with its person, each
property a column. Trackway holds what clients sent. Both are asked in turn, each round about other dates, and both must
give the same answer. The same questions as plain statements over trackway's table of events show what its preparation
gains.
"""
