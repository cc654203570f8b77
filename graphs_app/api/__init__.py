"""REST over graphs and runs."""
