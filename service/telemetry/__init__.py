"""What operators see: logs, traces, metrics. Never what a patient, a token or a body said."""
