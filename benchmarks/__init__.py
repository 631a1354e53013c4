"""How fast the service is, against a Flask route that only parses the same body. Run as `python -m benchmarks`."""
