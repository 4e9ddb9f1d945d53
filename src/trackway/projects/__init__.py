"""Projects, their keys and service accounts. The command line writes the database, and every edge process reads it."""
