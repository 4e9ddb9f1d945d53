"""Alerts: watches conditions of projects, and notifies people by webhook and e-mail. A process of its own."""
