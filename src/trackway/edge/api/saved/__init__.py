"""What a project has saved, over HTTP: reports, cohorts, annotations, and what a client asks before its first question
(docs/reports.md)."""
