"""Deletes events and profiles that are older than their projects keep them."""
