"""What every process uses: background work, heartbeats, fairness, and the guard of disk space."""
