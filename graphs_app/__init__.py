"""Graphs and their execution."""
