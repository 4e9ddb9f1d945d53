"""Crash tests: the real process tree under load, killed at random moments, and what must hold afterwards."""
