"""Real servers for the suite: PostgreSQL, Redis, and the site itself as processes. Each starts when first asked for."""
