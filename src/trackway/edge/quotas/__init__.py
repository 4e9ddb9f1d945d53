"""How much each project and each process may take at once."""
