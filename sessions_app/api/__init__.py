"""REST over sessions, and what every app's REST shares: pages, idempotency, parsers."""
