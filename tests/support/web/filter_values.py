"""A value that fits each operator of a report's filters."""

from trackway.web.report_filter import OPERATORS

VALUES = dict.fromkeys(OPERATORS, "3") | {"between": "1 to 3", "since": "2026-03-01", "before": "2026-03-01"}
