"""Rendering prompts: named places, filled once. What is filled in is never read as a template itself."""

import re
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files

_PLACE = re.compile(r"\{\{ ?([a-z_]+) ?\}\}")


class PromptError(Exception):
    """Raised when a prompt and the values for it do not belong together: a fault of ours."""

    code = "prompt_error"


def render_prompt(name: str, values: Mapping[str, str]) -> str:
    """The prompt file of that name with its places filled. Every place needs a value, every value a place."""
    return render(load_prompt(name), values, name=name)


def render(template: str, values: Mapping[str, str], *, name: str = "template") -> str:
    places = set(_PLACE.findall(template))
    if places != set(values):
        missing, unknown = sorted(places - set(values)), sorted(set(values) - places)
        raise PromptError(f"Prompt {name!r}: no value for {missing}, no place for {unknown}; they must be the same.")
    return _PLACE.sub(lambda found: values[found[1]], template)


@lru_cache(maxsize=100)
def load_prompt(name: str) -> str:
    """The text of a prompt that comes with the product."""
    if not re.fullmatch(r"[a-z_]+", name):
        raise PromptError(f"{name!r} is not the name of a prompt; expected lower-case letters and _.")
    resource = files("refine_app.prompts").joinpath(f"{name}.md")
    if not resource.is_file():
        raise PromptError(f"There is no prompt {name!r}.")
    return resource.read_text(encoding="utf-8").strip() + "\n"
