"""Which graph serves what a person asks for."""

from refine_app.routing.rules import MEANINGS, WITHOUT_TEXT, IntentName, Route, choose_intent

__all__ = ["MEANINGS", "WITHOUT_TEXT", "IntentName", "Route", "choose_intent"]
