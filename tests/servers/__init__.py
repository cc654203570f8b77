"""Real servers for the suite: PostgreSQL, Redis, and the site itself as a process. Each starts once, when first asked for."""
