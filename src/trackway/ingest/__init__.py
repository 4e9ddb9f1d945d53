"""The rules of records, pure: a JSON text in, one outcome a record and a journal payload out."""
