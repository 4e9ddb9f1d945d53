"""The vocabulary that all folders share. It imports no other folder, and does no I/O."""
