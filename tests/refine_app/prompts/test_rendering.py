"""The sandbox of prompts: what templates may do, and a corpus of what they may not."""

import contextlib
import time
from typing import Any

import pytest

from refine_app.prompts import rendering
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
    "{{ x }}" * 6_000,
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
    assert prompt.render({"x": [1] * 400}) == ""
    with pytest.raises(PromptError, match="line 1, cannot be rendered: rendering takes more than 200000 steps"):
        prompt.render({"x": [1] * 900})
    with pytest.raises(PromptError, match="more than 1000 items"):
        prompt.render({"x": [1] * 1001})
    with pytest.raises(PromptError, match="more than 1000 items"):
        prompt.render({"x": [{"a": [1] * 1001}]})


def test_output_is_bounded() -> None:
    with pytest.raises(PromptError, match="longer than"):
        render("{{ x }}{{ x }}{{ x }}", {"x": "a" * 2_000_000})


LONG = "ab c\n" * 3000
BURNING = [
    ("{% for a in x %}{% for b in x %}{% endfor %}{% endfor %}", LONG),
    ("{% for a in x %}{% for b in x %}{{ a }}{% endfor %}{% endfor %}", LONG),
    ("{% for a in x if a == 'z' %}{% for b in x %}{% endfor %}{% endfor %}{% for a in x %}{% for b in x %}{% endfor %}"
     "{% endfor %}", LONG),
    ("{% for a in x %}{{ loop.length }}{{ loop.revindex }}{% for b in x %}{{ loop.last }}{% endfor %}{% endfor %}",
     LONG),
    ("{% for a in x %}{% for b in x %}{% endfor %}{% endfor %}", {str(n): n for n in range(900)}),
    ("{% for a in x %}{% if x|upper == x|lower %}{% endif %}{% endfor %}", LONG),
    ("{% for a in x %}{% if x ~ x ~ x ~ x == a %}{% endif %}{% endfor %}", LONG * 50),
    ("{% for a in x %}{% if 'zz' in x %}{% endif %}{% endfor %}", LONG * 50),
    ("{% for a in x %}{% if x == x %}{% endif %}{% endfor %}", [[1] * 900] * 900),
    ("{% for a in x %}" + "{% if a == 'b' %}{% endif %}" * 800 + "{% endfor %}", LONG),
    ("{% for a in x %}{{ x|title|capitalize|trim|truncate(9) }}{% endfor %}", LONG * 20),
    ("{% for a in x %}{% if x|tojson(indent=90) %}{% endif %}{% endfor %}", [[[[1]]] * 900] * 900),
    ("{{ x|indent(99999) }}", LONG),
    ("{{ x|indent(width=9999) }}{{ x|indent('" + "-" * 100 + "') }}", LONG * 10),
    ("{{ x|join('" + "-" * 100 + "') }}", LONG * 10),
    ("{{ x|tojson(99999) }}", [[1] * 900] * 900),
    ("{{ x|join }}" * 200, [LONG] * 900),
    ("{{ x ~ x ~ x ~ x ~ x ~ x }}", "a" * 1_000_000),
    ("{{ x }}" * 100, [[1] * 900] * 900),
]  # fmt: skip


@pytest.mark.parametrize(("template", "value"), BURNING, ids=range(len(BURNING)))
def test_a_rendering_that_takes_too_much_is_refused_soon_and_with_its_line(template: str, value: Any) -> None:
    places_of("\n" + template)
    began = time.process_time()
    with pytest.raises(PromptError, match=r"line 2, cannot be rendered: .* (steps|characters)\.$"):
        render("\n" + template, {"x": value})
    assert time.process_time() - began < 2


@pytest.mark.parametrize(
    "template",
    ["{{ x.format }}", "{{ x['format'] }}", "{{ x.upper }}", "{{ y.items }}", "{{ z.append }}", "{{ z.count }}",
     "{{ n.bit_length }}", "{% for a in z %}{{ loop.cycle }}{% endfor %}",
     "{% for a in z %}{{ loop.changed }}{% endfor %}"],
)  # fmt: skip
def test_what_values_can_do_is_no_field_of_theirs(template: str) -> None:
    values = {"x": "text", "y": {"a": 1}, "z": [1], "n": 5}
    with pytest.raises(PromptError, match=r"line 1, cannot be rendered: .* has no attribute"):
        render(template, {place: values[place] for place in places_of(template)})


def test_a_field_may_be_called_as_a_method_is() -> None:
    values = {"y": {"items": "six", "format": {"get": [1, 2]}}}
    assert render("{{ y.items }} {{ y['format'].get[1] }} {{ y.format.get|first }}", values) == "six 2 1"
    assert render("{{ y.none is defined }} {{ y.none|default('-') }}", values) == "False -"


def test_joining_comparing_and_looking_through_give_what_they_gave() -> None:
    template = (
        "{% for a in x if a in y %}{{ a ~ '-' ~ loop.index ~ n }}{{ '.' if loop.last }}{% else %}none{% endfor %}"
    )
    assert render(template, {"x": ["a", "b"], "y": "ab", "n": 1}) == "a-11b-21."
    assert render(template, {"x": ["a", "b"], "y": ["b"], "n": None}) == "b-1None."
    assert render(template, {"x": ["a"], "y": [], "n": 1}) == "none"
    assert render("{{ x|indent(2) }}|{{ y|tojson(indent=1) }}", {"x": "a\nb", "y": [1]}) == "a\n  b|[\n 1\n]"


def test_a_number_of_thousands_of_digits_is_refused() -> None:
    with pytest.raises(PromptError, match="cannot be read"):
        places_of("{{ x == " + "1" * 5000 + " }}")


@pytest.mark.parametrize(
    "template",
    ["{" * 50_000, "{{ x" + " " * 49_000, "{%" * 25_000, "{#" * 25_000, "{{ '" + "\\" * 49_000,
     "{{ x" + ".a" * 24_000 + "}}", "{{ x" + "~x" * 24_000 + "}}", "{{ x" + "|trim" * 9_000 + "}}",
     "{{ x" + " and x" * 8_000 + "}}", "\n" * 50_000 + "{%", "{{ 1_1" + "_1" * 2_000 + " }}", "{% raw" + " " * 49_000,
     "{% if x %}" * 4_900, "{{ x }}" * 7_000],
    ids=range(14),
)  # fmt: skip
def test_reading_a_template_takes_time_in_proportion_to_it(template: str) -> None:
    began = time.process_time()
    with contextlib.suppress(PromptError):
        places_of(template)
    assert time.process_time() - began < 2


def test_every_prompt_of_the_product_is_allowed_and_found_again_in_the_cache() -> None:
    for name in built_in_names():
        assert places_of(load_prompt(name)) is not None
    for _ in range(40):
        for name in built_in_names():
            places_of(load_prompt(name))
    rate = hit_rate()
    assert rate is not None
    assert rate > 0.5


def test_templates_are_kept_by_their_number_and_by_the_bytes_of_their_sources() -> None:
    made = rendering._compile("{{ a }}", "t")
    kept = rendering._Kept(most=3, most_bytes=100)
    for key in (b"1", b"2", b"3", b"4"):
        kept.put(key, made, 10)
    assert [kept.get(key) is made for key in (b"1", b"2", b"3", b"4")] == [False, True, True, True]
    kept.get(b"2")
    kept.put(b"5", made, 85)
    assert [kept.get(key) is made for key in (b"2", b"3", b"4", b"5")] == [True, False, False, True]
    kept.put(b"5", made, 85)
    assert (len(kept), kept.bytes) == (2, 95)
    kept.put(b"6", made, 101)
    assert (len(kept), kept.bytes) == (0, 0)


def test_large_templates_are_not_kept_without_end() -> None:
    for number in range(100):
        render("a" * 49_000 + f"{{# {number} #}}", {})
    assert rendering._templates.bytes <= rendering.CACHE_BYTES


@pytest.mark.parametrize("kind", ["list", "object"])
def test_a_value_of_any_depth_is_filled_in_or_refused(kind: str) -> None:
    prompt = PromptText("p", "1", "{% if x %}y{% endif %}", {"x": {"type": kind}})
    for levels in (10, 900, 950, 980, *range(985, 1000), 5000, 200_000):
        value: Any = [] if kind == "list" else {}
        for _ in range(levels):
            value = [value] if kind == "list" else {"a": value}
        try:
            assert prompt.render({"x": value}) == "y"
        except PromptError as error:
            assert "plain data" in str(error)  # noqa: PT017  # either is an answer


def test_the_longest_list_is_found_at_a_depth_that_calls_do_not_reach() -> None:
    deep: Any = list(range(7))
    for _ in range(20_000):
        deep = [{"a": (deep,)}]
    assert rendering._longest(deep) == 7
