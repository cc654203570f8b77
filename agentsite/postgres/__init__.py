"""PostgreSQL as Django's backend has it, for a server that may restart, fall silent or be away (ENGINE)."""
