"""Searching the web: one Protocol, and a module for each service."""
