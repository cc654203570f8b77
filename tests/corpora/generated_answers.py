# ruff: noqa: E501, S311 -- the sentences are models' own, and chance protects nothing
"""Two hundred answers from a grammar of what models do with a real file, each with the text that it may come to.

An answer is a form (whole file, part, diff …) with a mistake or without one, about one change of a file in sources/.
`must`: the answer is right, and the proposal has to be `truth` at the first try. Otherwise it loses or hides something:
whatever is proposed with every check passed has to be `truth` all the same, or nothing may be.
"""

import difflib
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

SOURCES = Path(__file__).parent / "sources"
SEED = 2012
COUNT = 200


@dataclass(frozen=True, slots=True)
class Unit:
    """A definition of a file, by how its first line begins and by its last line."""

    first: str
    last: str


@dataclass(frozen=True, slots=True)
class Source:
    """A real file, one change of it, and some of what it defines."""

    file: str
    language: str
    infos: tuple[str, ...]
    old: str
    new: str
    unit: Unit
    """What holds the change."""
    others: tuple[Unit, ...]
    remark: str = "// {}"
    is_code: bool = True
    """A part of it is known by the names that it defines."""

    @property
    def base(self) -> str:
        return (SOURCES / f"{self.file}.txt").read_text()

    @property
    def truth(self) -> str:
        base = self.base
        assert base.count(self.old) == 1, self.file
        return base.replace(self.old, self.new)

    def said(self, words: str) -> str:
        return self.remark.format(words)


ALL = (
    Source(
        "inflection.py", "python", ("python", "py", "Python", ""),
        'return "{}{}".format(number, ordinal(number))', 'return f"{number}{ordinal(number)}"',
        Unit("def ordinalize", '    return "{}{}".format(number, ordinal(number))'),
        (
            Unit("def dasherize", "    return word.replace('_', '-')"),
            Unit("def tableize", "    return pluralize(underscore(word))"),
            Unit("UNCOUNTABLES = {", "    'species'}"),
        ),
        "# {}",
    ),
    Source(
        "rebase.js", "javascript", ("javascript", "js", "JavaScript", ""),
        "  const inFlight = sent ?? unchanged(base);", "  const inFlight = sent === null ? unchanged(base) : sent;",
        Unit("export function rebase", "}"),
        (Unit("function specsOf", "}"), Unit("function notYetStored", "}"), Unit("export const countChanges", "")),
    ),
    Source(
        "mitt.ts", "typescript", ("typescript", "ts", ""),
        "	all = all || new Map();", "	all ??= new Map();",
        Unit("export default function mitt", "}"),
        (Unit("export interface Emitter", "}"), Unit("export type EventHandlerMap", ">;"),
         Unit("export type WildcardHandler", ") => void;")),
    ),
    Source(
        "time.go", "go", ("go", "golang", ""),
        "	lasttime = now\n	return", "	lasttime = max(lasttime, now)\n	return",
        Unit("func getTime(", "}"),
        (Unit("func setClockSequence", "}"), Unit("func clockSequence", "}"), Unit("func (t Time) UnixTime", "}")),
    ),
    Source(
        "fnv.rs", "rust", ("rust", "rs", ""),
        "            hash = hash.wrapping_mul(PRIME);\n        }\n\n        *self", "            hash = hash.wrapping_mul(PRIME);\n        }\n        *self",
        Unit("impl Hasher for FnvHasher", "}"),
        (Unit("impl FnvHasher {", "}"), Unit("impl Default for FnvHasher", "}"), Unit("pub const fn fnv_hash", "}")),
    ),
    Source(
        "OptionGroup.java", "java", ("java", ""),
        "        return selected != null;", "        return getSelected() != null;",
        Unit("    public boolean isSelected", "    }"),
        (
            Unit("    public boolean isRequired", "    }"),
            Unit("    public Collection<String> getNames", "    }"),
            Unit("    public String toString", "    }"),
        ),
    ),
    Source(
        "ini.c", "c", ("c", "C", ""),
        "        *end = '\\0';\n    return s;", "        *end = 0;\n    return s;",
        Unit("static char* ini_rstrip", "}"),
        (Unit("static char* ini_lskip", "}"), Unit("static char* ini_strncpy0", "}"), Unit("int ini_parse_file", "}")),
        "/* {} */",
    ),
    Source(
        "INIReader.cpp", "cpp", ("cpp", "c++", ""),
        "    return str.empty() ? default_value : str;", "    if (str.empty())\n        return default_value;\n    return str;",
        Unit("string INIReader::GetString", "}"),
        (Unit("double INIReader::GetReal", "}"), Unit("bool INIReader::HasValue", "}"), Unit("string INIReader::MakeKey", "}")),
    ),
    Source(
        "maven.yml", "yaml", ("yaml", "yml", ""),
        "      max-parallel: 20", "      max-parallel: 4",
        Unit("    strategy:", "              experimental: true"),
        (Unit("permissions:", "  contents: read"), Unit("on:", "  pull_request: {}"), Unit("    steps:", "        persist-credentials: false")),
        "# {}", is_code=False,
    ),
    Source(
        "orders.sql", "sql", ("sql", "SQL", ""),
        "WHERE NOT orders.paid", "WHERE orders.paid = false",
        Unit("CREATE VIEW open_orders", "ORDER BY orders.placed_at;"),
        (Unit("CREATE TABLE order_lines", ");"), Unit("CREATE VIEW order_totals", "GROUP BY orders.id, customers.name;")),
        "-- {}", is_code=False,
    ),
    Source(
        "Dockerfile", "dockerfile", ("dockerfile", "Dockerfile", "docker", ""),
        "RUN npm ci --ignore-scripts", "RUN npm ci --ignore-scripts --no-audit",
        Unit("FROM node:22", "RUN npm run build"),
        (Unit("RUN apt-get update", "    && rm -rf /var/lib/apt/lists/*"), Unit("FROM base AS final", "USER nobody")),
        "# {}", is_code=False,
    ),
    Source(
        "README.md", "markdown", ("markdown", "md"),
        "(previously named\ncode.google.com/p/go-uuid)", "(once\ncode.google.com/p/go-uuid)",
        Unit("This package is based", "change is the ability to represent an invalid UUID (vs a NIL UUID)."),
        (Unit("###### Install", "```"), Unit("###### Documentation", "https://pkg.go.dev/github.com/google/uuid")),
        "<!-- {} -->", is_code=False,
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Generated:
    """One answer."""

    name: str
    source: Source
    base: str
    truth: str
    answer: str
    must: bool
    finish_reason: str = "stop"

    @property
    def may_be_nothing(self) -> bool:
        """It may have ended before the change came: nothing to change is no loss then."""
        return self.name.split("-")[1].startswith(("cut_off", "elided_tail"))


Made = tuple[str, bool] | tuple[str, bool, str] | None
"""An answer, whether it must be taken, and why the model stopped; None where a file has no such form."""
Form = Callable[[Source, random.Random], Made]
FORMS: dict[str, Form] = {}


def form(make: Form) -> Form:
    FORMS[make.__name__] = make
    return make


def span(text: str, unit: Unit) -> tuple[int, int]:
    """The unit's lines in a text, from 0, without the line behind it."""
    lines = text.split("\n")
    [start] = [at for at, line in enumerate(lines) if line.startswith(unit.first)]
    return start, lines.index(unit.last, start) + 1


def lines_of(text: str, unit: Unit) -> str:
    start, end = span(text, unit)
    return "\n".join(text.split("\n")[start:end]) + "\n"


def changed_unit(source: Source) -> str:
    """What holds the change, after it."""
    return lines_of(source.base, source.unit).replace(source.old, source.new)


def without(text: str, unit: Unit, instead: str = "") -> str:
    start, end = span(text, unit)
    lines = text.split("\n")
    return "\n".join([*lines[:start], *instead.split("\n")[: bool(instead)], *lines[end:]])


def fenced(code: str, info: str = "", mark: str = "") -> str:
    mark = mark or ("````" if "```" in code else "```")
    return f"{mark}{info}\n{code}{'' if code.endswith(chr(10)) else chr(10)}{mark}\n"


def diff_of(source: Source, context: int = 3, new: str = "") -> list[str]:
    found = difflib.unified_diff(
        source.base.split("\n")[:-1], (new or source.truth).split("\n")[:-1], f"a/{source.file}", f"b/{source.file}",
        lineterm="", n=context,
    )  # fmt: skip
    return [line.replace("\t\n", "\n") for line in found]


def indented(text: str, by: str) -> str:
    return "".join(by + line if line.strip() else line for line in text.splitlines(keepends=True))


def patch_of(source: Source) -> str:
    hunk = "\n".join(diff_of(source)[3:])
    return f"*** Begin Patch\n*** Update File: {source.file}\n@@\n{hunk}\n*** End Patch\n"


def search_replace(source: Source, old: str = "", new: str = "") -> str:
    lines = source.base.split("\n")
    at = source.base[: source.base.index(source.old)].count("\n")
    size = source.old.count("\n") + 1
    old = old or "\n".join(lines[at : at + size])
    new = new or old.replace(source.old, source.new)
    return f"<<<<<<< SEARCH\n{old}\n=======\n{new}\n>>>>>>> REPLACE\n"


def draft_of(source: Source) -> str:
    """A first try that is longer than the answer, and wrong."""
    lost = without(source.truth, source.others[0])
    return lost + "\n".join(source.said(f"DRAFT {number}") for number in range(120)) + "\n"


PROSE = (
    "Here is the improved version of your file:\n\n",
    "Sure! I changed one thing:\n\n",
    "I looked at `it` first. Then:\n\n1. One line changed.\n2. Nothing else.\n\n",
    "",
)
AFTER = ("\nLet me know if you want more.\n", "\n**Explanation**\n\n- One line changed.\n", "")
REMARKS = (
    "... (keep the existing code here)",
    "rest of code here",
    "Other functions remain unchanged",
    "same as before",
    "[existing implementation]",
    "(previous content stays the same)",
    "... unchanged ...",
    "⋮",
    "code omitted for brevity",
    "keep everything else as it is",
    "etc.",
    "snip",
    "TODO: copy the original here",
    "the remaining part is identical to the original",
    "… existing …",
    "No changes below this line",
    "your code here",
)
THOUGHTS = (
    ("<think>\n", "\n</think>\n\n"),
    ("", "\n</think>\n\n"),
    ("[THINK]", "[/THINK]"),
    ("◁think▷", "◁/think▷"),
    ("<thought>\n", "</thought>\n"),
    ("<thinking>\n", "\n</thinking>\n"),
    ("<reasoning>\n", "</reasoning>\n"),
    ("<seed:think>", "</seed:think>"),
    ("<|channel|>analysis<|message|>", "<|end|><|start|>assistant<|channel|>final<|message|>"),
    ("analysisThe user wants one line changed.\n", "assistantfinal"),
    ("<|begin_of_thought|>\n\n", "\n\n<|end_of_thought|>\n\n<|begin_of_solution|>\n\n"),
    ("<|START_THINKING|>", "<|END_THINKING|><|START_RESPONSE|>"),
    ("<unused94>thought\n", "<unused95>"),
    ("Here is my thought process:\n\n", "\n\nHere is my response:\n\n"),
)


# Right answers ------------------------------------------------------------------------------------


@form
def whole(source: Source, rng: random.Random) -> Made:
    info = rng.choice(source.infos)
    return rng.choice(PROSE) + fenced(source.truth, info) + rng.choice(AFTER), True


@form
def whole_with_a_name_in_the_fence(source: Source, rng: random.Random) -> Made:
    info = rng.choice((f"{source.language}:{source.file}", f'{source.language} title="{source.file}"',
                       f"{source.language} {{.line-numbers}}", source.file))  # fmt: skip
    return rng.choice(PROSE) + fenced(source.truth, info), True


@form
def whole_beside_a_command(source: Source, rng: random.Random) -> Made:
    command = fenced("make test\n", rng.choice(("bash", "sh", "console")))
    if source.language == "markdown":
        return None
    shown = fenced(source.truth, source.infos[0])
    return (f"Run this first:\n\n{command}\nThen:\n\n{shown}" if rng.random() < 0.5 else f"{shown}\n{command}"), True


@form
def whole_in_tildes(source: Source, rng: random.Random) -> Made:
    return rng.choice(PROSE) + fenced(source.truth, source.infos[0], rng.choice(("~~~", "~~~~", "`````"))), True


@form
def whole_without_a_fence(source: Source, rng: random.Random) -> Made:
    return source.truth, True


@form
def whole_in_a_list_item(source: Source, rng: random.Random) -> Made:
    by = rng.choice(("   ", "  ", "    "))
    return "1. The file:\n\n" + indented(fenced(source.truth, source.infos[0]), by) + "\n2. Run it.\n", True


@form
def whole_with_crlf(source: Source, rng: random.Random) -> Made:
    return fenced(source.truth, source.infos[0]).replace("\n", "\r\n"), True


@form
def whole_with_a_byte_order_mark(source: Source, rng: random.Random) -> Made:
    shown = fenced(source.truth, source.infos[0])
    return ("\ufeff" + shown if rng.random() < 0.5 else shown.replace("\n", "\n\ufeff", 1)), True


@form
def whole_after_thoughts(source: Source, rng: random.Random) -> Made:
    opens, closes = rng.choice(THOUGHTS)
    draft = fenced(draft_of(source), source.infos[0])
    return f"{opens}Let me draft it:\n\n{draft}\nNo, that loses lines.{closes}" + fenced(
        source.truth, source.infos[0]
    ), True


@form
def diff_after_thoughts(source: Source, rng: random.Random) -> Made:
    opens, closes = rng.choice(THOUGHTS)
    draft = fenced(draft_of(source), source.infos[0])
    return f"{opens}Hm.\n{draft}{closes}" + fenced("\n".join(diff_of(source)), "diff"), True


@form
def diff(source: Source, rng: random.Random) -> Made:
    return rng.choice(PROSE) + fenced(
        "\n".join(diff_of(source, rng.choice((1, 3, 5)))), rng.choice(("diff", "patch"))
    ), True


@form
def diff_of_git(source: Source, rng: random.Random) -> Made:
    head = f"diff --git a/{source.file} b/{source.file}\nindex 3b18e51..a04238b 100644\n"
    return fenced(head + "\n".join(diff_of(source)), "diff") + rng.choice(AFTER), True


@form
def diff_in_another_fence(source: Source, rng: random.Random) -> Made:
    return fenced("\n".join(diff_of(source)), rng.choice((*source.infos, "text"))), True


@form
def diff_without_numbers(source: Source, rng: random.Random) -> Made:
    lines = diff_of(source)
    lines[2] = rng.choice(("@@ ... @@", "@@", "@@ -,- +,- @@", f"@@ {source.unit.first}", f"@@ @@ {source.unit.first}"))
    return fenced("\n".join(lines), "diff"), True


@form
def diff_with_wrong_numbers(source: Source, rng: random.Random) -> Made:
    lines = diff_of(source)
    lines[2] = f"@@ -{rng.randint(1, 500)},{rng.randint(1, 30)} +{rng.randint(1, 500)},{rng.randint(1, 30)} @@"
    return fenced("\n".join(lines), "diff"), True


@form
def diff_without_a_fence(source: Source, rng: random.Random) -> Made:
    return "\n".join(diff_of(source)) + "\n", True


@form
def diff_with_bare_blank_lines(source: Source, rng: random.Random) -> Made:
    return fenced("\n".join("" if line == " " else line for line in diff_of(source)), "diff"), True


@form
def diff_with_crlf_in_a_list(source: Source, rng: random.Random) -> Made:
    return "- The change:\n\n" + indented(fenced("\n".join(diff_of(source)), "diff"), "  ").replace("\n", "\r\n"), True


@form
def search_and_replace(source: Source, rng: random.Random) -> Made:
    shown = search_replace(source)
    kind = rng.randrange(4)
    if kind == 0:
        return shown, True
    if kind == 1:
        return f"{source.file}\n" + fenced(shown, source.infos[0]), True
    return rng.choice(PROSE) + fenced(shown, rng.choice(("", "diff", source.infos[0]))) + rng.choice(AFTER), True


@form
def search_and_replace_of_the_unit(source: Source, rng: random.Random) -> Made:
    old = lines_of(source.base, source.unit)[:-1]
    return fenced(search_replace(source, old, old.replace(source.old, source.new)), source.infos[0]), True


@form
def begin_patch(source: Source, rng: random.Random) -> Made:
    shown = patch_of(source)
    return rng.choice((shown, fenced(shown, ""), fenced(shown, "patch"), fenced(shown, source.infos[0]))), True


@form
def whole_with_the_diff_beside(source: Source, rng: random.Random) -> Made:
    if source.language == "markdown":
        return None
    shown, change = fenced(source.truth, source.infos[0]), fenced("\n".join(diff_of(source)), "diff")
    return f"{change}\nThe whole:\n\n{shown}", True


# Answers that give a part: the text that they mean, or nothing -------------------------------------


@form
def only_the_changed_unit(source: Source, rng: random.Random) -> Made:
    return rng.choice(PROSE) + fenced(changed_unit(source), source.infos[0]), source.is_code and source.file != "fnv.rs"


@form
def before_and_after(source: Source, rng: random.Random) -> Made:
    before = fenced(lines_of(source.base, source.unit), source.infos[0])
    after = fenced(changed_unit(source), source.infos[0])
    return f"Before:\n\n{before}\nAfter:\n\n{after}", source.is_code and source.file != "fnv.rs"


@form
def two_blocks(source: Source, rng: random.Random) -> Made:
    other = fenced(lines_of(source.base, source.others[0]), source.infos[0])
    return f"{other}\nand\n\n{fenced(changed_unit(source), source.infos[0])}", False


@form
def before_and_after_of_the_whole(source: Source, rng: random.Random) -> Made:
    if source.language == "markdown":
        return None
    return f"Before:\n\n{fenced(source.base, source.infos[0])}\nAfter:\n\n{fenced(source.truth, source.infos[0])}", True


@form
def thoughts_and_only_the_changed_unit(source: Source, rng: random.Random) -> Made:
    opens, closes = rng.choice(THOUGHTS)
    return (
        f"{opens}{fenced(draft_of(source), source.infos[0])}{closes}{fenced(changed_unit(source), source.infos[0])}",
        False,
    )


# Wrong answers -------------------------------------------------------------------------------------


@form
def elided_unit(source: Source, rng: random.Random) -> Made:
    return fenced(
        without(source.truth, rng.choice(source.others), source.said(rng.choice(REMARKS))), source.infos[0]
    ), False


@form
def elided_units(source: Source, rng: random.Random) -> Made:
    text = source.truth
    for unit in source.others:
        text = without(text, unit, source.said(rng.choice(REMARKS)))
    return fenced(text, source.infos[0]), False


@form
def elided_body(source: Source, rng: random.Random) -> Made:
    start, end = span(source.truth, source.others[0])
    lines = source.truth.split("\n")
    if end - start < 3:
        return None
    closing = [] if source.language in ("python", "yaml", "dockerfile", "sql", "markdown") else lines[end - 1 : end]
    hollow = [*lines[: start + 1], "    " + source.said(rng.choice(REMARKS)), *closing, *lines[end:]]
    return fenced("\n".join(hollow), source.infos[0]), False


@form
def elided_head(source: Source, rng: random.Random) -> Made:
    start, _ = span(source.base, source.unit)
    rest = source.truth.split("\n")[start:]
    return fenced("\n".join([source.said(rng.choice(REMARKS)), "", *rest]), source.infos[0]), False


@form
def elided_tail(source: Source, rng: random.Random) -> Made:
    _, end = span(source.base, source.unit)
    head = "\n".join(source.base.split("\n")[:end]).replace(source.old, source.new)
    if head.strip() == source.truth.strip():
        return None
    words = rng.choice(REMARKS)
    inside = rng.random() < 0.7
    said = f"\n\n{source.said(words)}\n" if inside else "\n"
    return fenced(head + said, source.infos[0]) + ("" if inside else f"\n{words}\n"), False


@form
def drops_a_unit(source: Source, rng: random.Random) -> Made:
    return rng.choice(PROSE) + fenced(without(source.truth, rng.choice(source.others)), rng.choice(source.infos)), False


@form
def diff_drops_a_unit(source: Source, rng: random.Random) -> Made:
    new = without(source.truth, rng.choice(source.others))
    return fenced("\n".join(diff_of(source, new=new)), "diff"), False


@form
def search_and_replace_drops_a_unit(source: Source, rng: random.Random) -> Made:
    old = lines_of(source.base, rng.choice(source.others))[:-1]
    return fenced(search_replace(source, old, source.said(rng.choice(REMARKS))) + search_replace(source)), False


@form
def search_that_elides(source: Source, rng: random.Random) -> Made:
    lines = lines_of(source.base, source.unit)[:-1].split("\n")
    if len(lines) < 4:
        return None
    old = "\n".join([lines[0], source.said(rng.choice(REMARKS)), lines[-1]])
    return fenced(search_replace(source, old, changed_unit(source)[:-1]), ""), False


@form
def cut_off(source: Source, rng: random.Random) -> Made:
    shown = fenced(source.truth, source.infos[0])
    at = rng.randrange(len(shown) // 3, len(shown) - 8)
    return shown[:at], False, rng.choice(("stop", "length"))


@form
def cut_off_without_a_fence(source: Source, rng: random.Random) -> Made:
    text = source.truth
    return text[: rng.randrange(len(text) // 2, len(text) * 9 // 10)], False, rng.choice(("stop", "length"))


@form
def cut_off_and_closed(source: Source, rng: random.Random) -> Made:
    lines = source.truth.split("\n")
    kept = lines[: rng.randrange(len(lines) // 3, len(lines) * 4 // 5)]
    return fenced("\n".join(kept), source.infos[0]), False, rng.choice(("stop", "length"))


@form
def thoughts_without_end(source: Source, rng: random.Random) -> Made:
    opens, _ = rng.choice([marks for marks in THOUGHTS if marks[0]])
    return (
        f"{opens}A draft:\n\n{fenced(draft_of(source), source.infos[0])}\nBut wait",
        False,
        rng.choice(("stop", "length")),
    )


@form
def two_options(source: Source, rng: random.Random) -> Made:
    other = draft_of(source)
    return f"Option A:\n\n{fenced(source.truth, source.infos[0])}\nOption B:\n\n{fenced(other, source.infos[0])}", False


@form
def two_different_options(source: Source, rng: random.Random) -> Made:
    other = source.base + source.said("B") + "\n"
    one = source.base + source.said("A") + "\n"
    return f"{fenced(one, source.infos[0])}\nor\n\n{fenced(other, source.infos[0])}", False


@form
def diff_of_another_text(source: Source, rng: random.Random) -> Made:
    lines = [line + " # v2" if line[:1] == " " and line.strip() else line for line in diff_of(source)]
    return fenced("\n".join(lines), "diff"), False


@form
def patch_without_end(source: Source, rng: random.Random) -> Made:
    return patch_of(source).replace("*** End Patch\n", ""), False, "length"


def generated(count: int = COUNT, seed: int = SEED) -> Iterator[Generated]:
    """So many answers, each form in turn, over files drawn by the seed; the same ones for the same seed."""
    rng = random.Random(seed)
    made = 0
    forms = list(FORMS.items())
    decks: dict[str, list[Source]] = {}
    while made < count:
        for name, make in forms:
            if made == count:
                return
            deck = decks.setdefault(name, rng.sample(ALL, len(ALL)))
            source = deck.pop()
            if not deck:
                del decks[name]
            answered = make(source, rng)
            if answered is None:
                continue
            answer, must, *finish = answered
            case = Generated(
                f"{made:03}-{name}-{source.file}", source, source.base, source.truth, answer, must,
                finish[0] if finish else "stop",
            )  # fmt: skip
            yield _as_the_document_is(case, rng)
            made += 1


def _as_the_document_is(case: Generated, rng: random.Random) -> Generated:
    """Some documents have CRLF, a byte order mark, or no line end at their end; answers mostly do not."""
    kind = rng.randrange(8)
    if kind == 0:
        return replace(case, base=case.base.replace("\n", "\r\n"), truth=case.truth.replace("\n", "\r\n"))
    if kind == 1:
        return replace(case, base="\ufeff" + case.base, truth="\ufeff" + case.truth)
    if kind == 2:
        return replace(case, base=case.base.removesuffix("\n"), truth=case.truth.removesuffix("\n"))
    return case
