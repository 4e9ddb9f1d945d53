"""Read-only SQL of a person over a project's events and profiles: parsed, checked, written anew, and asked."""
