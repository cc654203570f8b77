"""Which graph serves what a person asks for."""

from refine_app.routing.rules import INTENTS, WITHOUT_TEXT, Route, choose_intent

__all__ = ["INTENTS", "WITHOUT_TEXT", "Route", "choose_intent"]
