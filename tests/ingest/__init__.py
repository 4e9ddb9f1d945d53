"""The rules of records: tables of cases, and a slow reference that the real ones must agree with."""
