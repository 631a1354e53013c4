"""The service's own description, OpenAPI 3.1."""
