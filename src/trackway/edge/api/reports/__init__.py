"""The Query API: one row for each report, its parameters, and the form of its answer (docs/reports.md)."""
