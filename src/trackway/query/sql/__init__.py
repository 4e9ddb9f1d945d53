"""SQL that several queries share, as pure functions: events, their person, days, the scope of expressions."""
