"""The runner: servers, clients, measures, and the report."""
