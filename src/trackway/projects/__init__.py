"""Projects: who may send, and to where. The database is written by the command line and read by every edge process."""
