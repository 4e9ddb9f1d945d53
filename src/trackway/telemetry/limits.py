"""Limits of `telemetry`: one constant each, with its unit and its source."""

# Metrics
METRIC_REASONS_MAX = 64
"""Reasons that a process has as labels of a metric. Further ones count as "other", so that clients cannot make
series."""
METRIC_PARAMETERS_MAX = 32
"""The same for names of unknown parameters."""
RATE_PROJECTS_TOLD_MAX = 50
"""Projects that a process names in metrics; all others are "other"."""
METRICS_FILE_BYTES = 128 * 1024
"""The file of one process with its metrics: room for some 800 series."""

# Logs
LOG_NESTING_MAX = 8
"""Objects within one another in a log line that are searched for secrets."""
