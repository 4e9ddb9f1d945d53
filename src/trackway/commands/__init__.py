"""The commands below `trackway`, one module for each group, and what they share."""
