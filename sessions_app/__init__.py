"""People and what they share: users, sessions, members, documents and the event log."""
