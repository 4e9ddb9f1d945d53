"""Tests of `trackway.geo`."""
