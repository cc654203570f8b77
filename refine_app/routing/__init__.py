"""Which graph serves what a person asks for."""

from refine_app.routing.rules import Route, choose_intent

__all__ = ["Route", "choose_intent"]
