"""One module per group of topics: what its card says and suggests, from the plan alone."""
