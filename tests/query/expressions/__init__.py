"""Tests of segmentation expressions."""
