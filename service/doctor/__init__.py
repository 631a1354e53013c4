"""`mda5-cds doctor`: a configuration looked at, nothing changed."""
