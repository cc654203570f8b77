"""The sandbox of prompts: what templates may do, and a corpus of what they may not."""

import pytest

from refine_app.prompts.rendering import (
    PromptError,
    PromptText,
    built_in_names,
    hit_rate,
    load_prompt,
    places_of,
    render,
)

HOSTILE = [
    "{{ ''.__class__ }}",
    "{{ x.__class__.__mro__ }}",
    "{{ x['__class__'] }}",
    "{{ x|attr('__globals__') }}",
    "{{ x|map('upper') }}",
    "{{ x.format(1) }}",
    "{{ x() }}",
    "{{ cycler.__init__ }}",
    "{{ namespace() }}",
    "{{ range(10**9) }}",
    "{% for i in range(10**9) %}x{% endfor %}",
    "{% for a in x %}{% for b in x %}{% for c in x %}y{% endfor %}{% endfor %}{% endfor %}",
    "{% for a in 'abc' %}y{% endfor %}",
    "{% for a in x recursive %}{{ loop(a) }}{% endfor %}",
    "{% include 'settings.py' %}",
    "{% import 'os' as os %}",
    "{% extends x %}",
    "{% set y = x %}{{ y }}",
    "{% macro m() %}{% endmacro %}{{ m() }}",
    "{% filter upper %}a{% endfilter %}",
    "{% block b %}{% endblock %}",
    "{% call x() %}{% endcall %}",
    "{{ 9**9**9 }}",
    "{{ 'a' * 10**9 }}",
    "{{ x * 1000000 }}",
    "{{ [x, x] }}",
    "{{ {'a': x} }}",
    "{{ x[y] }}",
    "{{ x|join(x) }}",
    "{{ x|indent(1000000000) }}",
    "{{ x|truncate(y) }}",
    "{{ x|default(x) }}",
    "{{ x|replace('a', 'aaaaaaaaaa') }}",
    "{{ x|pprint }}",
    "{{ x is divisibleby 3 }}",
    "{{ _x }}",
    "{{ self }}{{ self._TemplateReference__context }}",
    "{{ x.__\uff43lass__ }}",
    "{{ x",
    "{{" + "(" * 3000 + "x" + ")" * 3000 + "}}",
    "x" * 60_000,
]  # fmt: skip


@pytest.mark.parametrize("template", HOSTILE, ids=range(len(HOSTILE)))
def test_what_a_template_may_not_do_is_refused_when_it_is_read(template: str) -> None:
    with pytest.raises(PromptError):
        places_of(template)


def test_templates_choose_loop_and_filter() -> None:
    template = (
        "{% if name %}Hello {{ name|trim|title }}.{% else %}Hello.{% endif %}\n"
        "{% for item in items %}\n{{ loop.index }}. {{ item.title|default('untitled') }}\n{% endfor %}\n"
        "{{ tags|join(', ') }}"
    )
    values = {"name": " ada ", "items": [{"title": "one"}, {}], "tags": ["a", "b"]}
    assert render(template, values) == "Hello Ada.1. one\n2. untitled\na, b"


def test_values_are_of_their_declared_types_and_defaults_fill_in() -> None:
    prompt = PromptText(
        "greet", "1.0.0", "{{ name }} {{ n }} {{ tone }}", {"n": {"type": "integer"}, "tone": {"default": "kind"}}
    )
    assert prompt.render({"name": "Ada", "n": 3, "unused": "x"}) == "Ada 3 kind"
    for values, words in (
        ({"name": "Ada", "n": "3"}, "must be a integer"),
        ({"name": "Ada", "n": True}, "must be a integer"),
        ({"n": 3}, "needs a value for 'name'"),
        ({"name": ["a"], "n": 3}, "must be a string"),
    ):
        with pytest.raises(PromptError, match=words):
            prompt.render(values)


def test_lists_are_bounded_so_that_loops_are() -> None:
    prompt = PromptText(
        "list", "1.0.0", "{% for a in x %}{% for b in x %}{% endfor %}{% endfor %}", {"x": {"type": "list"}}
    )
    assert prompt.render({"x": [1] * 900}) == ""
    with pytest.raises(PromptError, match="more than 1000 items"):
        prompt.render({"x": [1] * 1001})
    with pytest.raises(PromptError, match="more than 1000 items"):
        prompt.render({"x": [{"a": [1] * 1001}]})


def test_output_is_bounded() -> None:
    with pytest.raises(PromptError, match="longer than"):
        render("{{ x }}{{ x }}{{ x }}", {"x": "a" * 2_000_000})


def test_every_prompt_of_the_product_is_allowed_and_found_again_in_the_cache() -> None:
    for name in built_in_names():
        assert places_of(load_prompt(name)) is not None
    for _ in range(40):
        for name in built_in_names():
            places_of(load_prompt(name))
    rate = hit_rate()
    assert rate is not None
    assert rate > 0.5
