"""Sockets: rooms of open connections in this process, woken by the channel layer, fed by the database."""
