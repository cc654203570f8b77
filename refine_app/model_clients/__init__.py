"""Talking to models: one Protocol, and a module for each kind of endpoint."""
