"""What each report answers, said plainly: Python over lists of events, written from the rules and not from the SQL.

A report is a function of a project's events and of its parameters, and gives the JSON that the server must answer.
`REPORTS` has them by path. Nothing here imports `trackway.query.reports`; expressions are evaluated by the interpreter
of `trackway.query.expressions`, which has tests of its own against the store.
"""
