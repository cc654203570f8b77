"""SQLite as Django's backend has it, for many threads that write: each has its turn, in the order of their coming."""
