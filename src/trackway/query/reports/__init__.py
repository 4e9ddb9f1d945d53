"""Reports: parameters in, SQL with bound parameters out, rows into an answer."""
