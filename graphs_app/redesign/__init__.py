"""Restructures a graph: single changes, each with reason and evidence, that keep what the graph computes. Pure."""

from graphs_app.redesign.changes import Change, ChangeDoesNotApply, apply_all
from graphs_app.redesign.estimates import Estimate, Measured, Past, estimate
from graphs_app.redesign.planning import plan, suggest

__all__ = ["Change", "ChangeDoesNotApply", "Estimate", "Measured", "Past", "apply_all", "estimate", "plan", "suggest"]
