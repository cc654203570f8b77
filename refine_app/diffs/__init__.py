"""Differences between texts: unified diffs, three-way merges, diffs of streams, models' answers. Pure."""
