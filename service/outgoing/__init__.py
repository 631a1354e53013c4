"""The one way out: where this service may call, for how long, and how much it reads."""
