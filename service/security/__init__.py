"""Who is calling, and whom we may call."""
