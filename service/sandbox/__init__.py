"""The sandbox: a page for trying the service. Loaded by `mda5-cds serve --sandbox` only."""
