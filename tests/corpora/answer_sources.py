# ruff: noqa: E501 -- lines are those of the files
"""The files on which answers are generated: each with one change, what holds it, and some of what else is there."""

import difflib
from dataclasses import dataclass
from pathlib import Path

SOURCES = Path(__file__).parent / "sources"


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
    Source(
        "Makefile", "makefile", ("makefile", "make", "Makefile", ""),
        "	$(BIN)/ruff check --fix .", "	$(BIN)/ruff check --fix --quiet .",
        Unit("format:", "	$(BIN)/ruff format ."),
        (Unit("lint:", "	$(BIN)/mypy $(PACKAGES)"), Unit("bench:", "	$(BIN)/python -m tests.benchmarks.run"), Unit("clean:", "	rm -rf $(VENV) .venv-3.1? .mypy_cache .ruff_cache .pytest_cache .hypothesis htmlcov .coverage")),
        "# {}", is_code=False,
    ),
    Source(
        "package.json", "json", ("json", "JSON", ""),
        '    "build": "node build.mjs",', '    "build": "node build.mjs --minify",',
        Unit('  "scripts": {', "  },"),
        (Unit('  "dependencies": {', "  },"), Unit('  "description"', '  "description": "The recipe of static/vendor/agentsite-vendor-<version>.js: third-party code for the pages, in one file",')),
        is_code=False,
    ),
    Source(
        "pyproject.toml", "toml", ("toml", "TOML", ""),
        "timeout = 300", "timeout = 240",
        Unit("[tool.pytest.ini_options]", 'norecursedirs = [".*", "benchmarks"]'),
        (Unit("[tool.coverage.run]", 'omit = ["*/migrations/*"]'), Unit("[tool.django-stubs]", 'django_settings_module = "agentsite.settings"'), Unit("[tool.importlinter]", "include_external_packages = true")),
        "# {}", is_code=False,
    ),
    Source(
        "history.css", "css", ("css", "CSS", ""),
        "    height: min(86dvh, 52rem);", "    height: min(80dvh, 48rem);",
        Unit("  .dialog.history {", "  }"),
        (Unit("  .history-preview:focus-visible {", "  }"), Unit("  .history-list {", "  }"), Unit("  .history-entry:hover {", "  }")),
        "/* {} */", is_code=False,
    ),
    Source(
        "pg_buffercache.sql", "sql", ("sql", "postgresql", ""),
        "pinning_backends int4", "pinning_backends int8",
        Unit("CREATE VIEW pg_buffercache", "	 pinning_backends int4);"),
        (Unit("CREATE FUNCTION", "LANGUAGE C PARALLEL SAFE;"), Unit("REVOKE ALL ON FUNCTION", "REVOKE ALL ON pg_buffercache FROM PUBLIC;")),
        "-- {}", is_code=False,
    ),
    Source(
        "compose.yml", "yaml", ("yaml", "yml", ""),
        "    image: postgres:16", "    image: postgres:17",
        Unit("  db:", "      - data:/var/lib/postgresql/data"),
        (Unit("  worker:", '      CONCURRENCY: "4"'), Unit("  web:", "      interval: 30s"), Unit("x-app:", "  depends_on: [db, cache]")),
        "# {}", is_code=False,
    ),
    Source(
        "orders.ipynb", "notebook", ("json", "ipynb", "notebook", ""),
        '"## By month"', '"## Open orders by month"',
        Unit('  {"cell_type": "markdown", "id": "by-month"', "  ]},"),
        (Unit('  {"cell_type": "code", "id": "load"', "  ]},"), Unit('  {"cell_type": "code", "id": "totals"', "  ]},")),
        is_code=False,
    ),
)  # fmt: skip


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


def patch_of(source: Source, new: str = "") -> str:
    hunks = "\n".join("@@" if line.startswith("@@") else line for line in diff_of(source, new=new)[2:])
    return f"*** Begin Patch\n*** Update File: {source.file}\n{hunks}\n*** End Patch\n"


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
