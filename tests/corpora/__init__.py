"""Recorded kinds of input, a file each."""
