"""Which characters are marked, which are left alone, and that the pages know the same ones."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from sessions_app import invisible_characters
from sessions_app.invisible_characters import escaped, find, lookalikes, name_of, shown

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize(
    "character",
    [
        *"\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f\u061c\u200b\u200c\u200d\u2060\u2061\u2064",
        *"\ufeff\u00ad\u3164\u115f\u1160\u034f\u180e\u2028\u2029\u0000\u001b\u007f\u0085\ufe0f\uffa0\u206a",
        "\U000e0041",
        "\U000e0101",
        "\r",
    ],
)
def test_what_nobody_sees_is_shown_as_its_code_point(character: str) -> None:
    text = f"a{character}b"
    assert [found.character for found in find(text)] == [character]
    assert shown(text) == f"a[U+{ord(character):04X}]b"
    assert name_of(character)


@pytest.mark.parametrize("space", "\u00a0\u2007\u202f\u3000\u2800")
def test_what_looks_like_a_space_is_shown_in_code_only(space: str) -> None:
    assert shown(f"a{space}b") == f"a{space}b"
    assert shown(f"a{space}b", code=True) == f"a[U+{ord(space):04X}]b"


@pytest.mark.parametrize(
    "text",
    [
        "plain\r\nlines\tand tabs\n",
        "\ufeffa byte order mark at the start",
        "שלום עולם, مرحبا بالعالم",
        "👩‍👩‍👧 👍🏽 ❤️ ☎️ 1️⃣ 🏳️‍🌈 ©️",
        "\U0001f3f4\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
        "می‌خواهم",
        "क्‍ष",
        "葛\U000e0100",
        "naïve café, Привет, Ω",
    ],
)
def test_what_people_write_on_purpose_is_left_alone(text: str) -> None:
    assert list(find(text, code=True)) == []
    assert shown(text, code=True) == text


def test_json_says_the_same_with_escapes_instead() -> None:
    assert escaped('{"a": "x\u202ey\U000e0041"}') == '{"a": "x\\u202ey\\udb40\\udc41"}'


LOOKALIKES = [
    *("\u0430ccess", "p\u0430yp\u0430l", "\uff41ccess", "v\u03bflume", "\U0001d41access"),
    *("\u017fy\u017ftem", "\ufb01lter", "\uff53\uff59\uff53", "\u2147val", "\u1d49val"),
    *("inf\u00ba", "p\u00aass", "\u2170nput", "\u2113en", "x\uff11", "na\u00efve\u017f", "\u0261etattr", "\u017f"),
]


@pytest.mark.parametrize("word", LOOKALIKES)
def test_a_word_whose_letters_pass_for_others_is_found(word: str) -> None:
    assert [found for _, found in lookalikes(f"if {word} == 1:")] == [word]


@pytest.mark.parametrize(
    "text",
    [
        *("Привет мир", "Δx = σ_x * µs", "naïve", "Ärger", "日本語abc", "API-ключ", "utf8_ключ"),
        *("nº 5, 1ª, Drª", "x ∈ ℝ, ‖x‖₂, x², № 3", "第１回Ｗｅｂサイト", "ışık", "ﾃｽﾄ", "ﷺ"),
    ],
)
def test_words_of_other_languages_pass_for_nothing(text: str) -> None:
    assert list(lookalikes(text)) == []


def test_letters_that_pass_for_others_are_shown_as_their_code_points_in_code_only() -> None:
    assert shown("os.\u017fystem(\u0430ccess)", code=True) == "os.[U+017F]ystem([U+0430]ccess)"
    assert shown("os.\u017fystem(\u0430ccess)") == "os.\u017fystem(\u0430ccess)"


@pytest.mark.skipif(shutil.which("node") is None, reason="needs Node")
def test_the_pages_mark_the_same_words() -> None:
    """Asked of the pages' own module, in Node."""
    texts = [
        *LOOKALIKES,
        "Привет мир",
        "Δx = σ_x * µs",
        "nº 5, 1ª, Drª",
        "x ∈ ℝ, x²",
        "第１回Ｗｅｂサイト",
        "a\u202eb \u0430b",
    ]
    script = (
        f"import {{ tokensIn }} from {json.dumps((ROOT / 'static/js/ui/invisible_characters.js').as_uri())};"
        f"console.log(JSON.stringify({json.dumps(texts)}.map((text) => {{ let out = '', end = 0;"
        "for (const t of tokensIn(text, { code: true }))"
        "{ out += text.slice(end, t.from) + `[${t.label}]`; end = t.to; }"
        "return out + text.slice(end); })))"
    )
    command = ["node", "--input-type=module", "--eval", script]
    said = json.loads(subprocess.run(command, capture_output=True, check=True, text=True).stdout)
    assert said == [shown(text, code=True) for text in texts]


def test_the_pages_have_the_same_list() -> None:
    kept = (ROOT / "static" / "js" / "ui" / "invisible_ranges.js").read_text()
    assert kept == invisible_characters._for_pages()
