# ruff: noqa: E501 -- each pair of texts is a line
"""Bodies that do nothing any more and checks that are gone are told; what was rewritten, moved or joined is not."""

import pytest

from refine_app.tools.validation import check_text

PY = """from shop import db


def load(path, limit):
    with open(path) as file:
        rows = file.read().split("\\n")
    kept = []
    for row in rows:
        if row.strip():
            kept.append(row.strip())
    return kept[:limit]


def pay(user, order):
    if not user.is_admin:
        raise PermissionError("no")
    if order.total < 0:
        return None
    order.paid = True
    db.save(order)
    return order


def visible(user):
    return db.orders.filter(owner=user).all()


def total(prices):
    amount = 0
    for price in prices:
        amount += price
    return amount
"""
JS = """function load(path, limit) {
  const rows = read(path).split("\\n");
  const kept = [];
  for (const row of rows) {
    if (row.trim()) kept.push(row.trim());
  }
  return kept.slice(0, limit);
}

const save = async (user, order) => {
  if (!user.isAdmin) {
    throw new Error("forbidden");
  }
  order.saved = true;
  await db.put(order.id, order);
  return order;
};

export function names(users) {
  const found = [];
  for (const user of users) found.push(user.name);
  return found;
}
"""
GO = """package shop

func Load(path string, limit int) ([]string, error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	rows := strings.Split(string(data), "\\n")
	if len(rows) > limit {
		rows = rows[:limit]
	}
	return rows, nil
}

func (s *Shop) Pay(user User, order *Order) error {
	if !user.CanPay(order) {
		return ErrForbidden
	}
	order.Paid = true
	return s.db.Save(order)
}
"""
RUST = """fn load(path: &str, limit: usize) -> Vec<String> {
    let data = std::fs::read_to_string(path).unwrap();
    let mut rows = Vec::new();
    for row in data.lines() {
        rows.push(row.trim().to_string());
    }
    rows.truncate(limit);
    rows
}

fn pay(user: &User, order: &mut Order) -> Result<(), Error> {
    if !user.is_allowed() {
        return Err(Error::Forbidden);
    }
    order.paid = true;
    order.save()
}
"""
JAVA = """class Shop {
    List<String> load(Path path, int limit) throws IOException {
        List<String> kept = new ArrayList<>();
        for (String row : Files.readAllLines(path)) {
            String bare = row.strip();
            if (!bare.isEmpty()) kept.add(bare);
        }
        return kept.subList(0, limit);
    }

    Order pay(User user, Order order) {
        if (!user.hasRole("admin")) {
            throw new ForbiddenException();
        }
        order.setPaid(true);
        return orders.save(order);
    }
}
"""
C = """int total(const int *prices, int count) {
    int amount = 0;
    if (prices == NULL) {
        return -1;
    }
    for (int i = 0; i < count; i++) {
        amount += prices[i];
    }
    return amount;
}

int pay(struct user *user, struct order *order) {
    if (!is_owner(user, order)) {
        return EPERM;
    }
    order->paid = 1;
    return save(order);
}
"""
BY_LANGUAGE = {"python": PY, "javascript": JS, "go": GO, "rust": RUST, "java": JAVA, "c": C}


def between(text: str, first: str, last: str, instead: str) -> str:
    """The text with something else from behind one piece of it to before another."""
    start = text.index(first) + len(first)
    return text[:start] + instead + text[text.index(last, start) :]


LOAD, END = "def load(path, limit):\n", "\n\n\ndef pay"
JS_LOAD, JS_END = "function load(path, limit) {\n", "\n}\n\nconst save"
GO_LOAD, GO_END = "([]string, error) {\n", "\n}\n\nfunc (s"
RUST_LOAD, RUST_END = "Vec<String> {\n", "\n}\n\nfn pay"
JAVA_LOAD, JAVA_END = "throws IOException {\n", "\n    }\n\n    Order pay"
C_LOAD, C_END = "int count) {\n", "\n}\n\nint pay"
WRONG = [
    ("python", between(PY, LOAD, END, "    return")),
    ("python", between(PY, LOAD, END, "    pass")),
    ("python", between(PY, LOAD, END, "    ...")),
    ("python", between(PY, LOAD, END, "    raise NotImplementedError")),
    ("python", between(PY, LOAD, END, '    raise NotImplementedError("later")')),
    ("python", between(PY, LOAD, END, '    """Rest of the function is unchanged."""')),
    ("python", between(PY, LOAD, END, "    # as it was\n    return []")),
    ("python", between(PY, LOAD, END, "    with open(path) as file:\n        return []")),
    ("python", between(PY, LOAD, END, "    print('loading')\n    return None")),
    ("python", between(PY, "def total(prices):\n", "    return amount\n", "").replace("    return amount\n", "    return 0\n")),
    ("python", PY.replace('    if not user.is_admin:\n        raise PermissionError("no")\n', "")),
    ("python", PY.replace(".filter(owner=user)", "")),
    ("javascript", between(JS, JS_LOAD, JS_END, "  return [];")),
    ("javascript", between(JS, JS_LOAD, JS_END, '  throw new Error("Not implemented");')),
    ("javascript", between(JS, JS_LOAD, JS_END, "  /* unchanged */")),
    ("javascript", between(JS, "(user, order) => {\n", "\n};\n", "  return null;")),
    ("javascript", JS.replace('  if (!user.isAdmin) {\n    throw new Error("forbidden");\n  }\n', "")),
    ("go", between(GO, GO_LOAD, GO_END, "\treturn nil, nil")),
    ("go", between(GO, GO_LOAD, GO_END, '\tpanic("not implemented")')),
    ("go", GO.replace("\tif !user.CanPay(order) {\n\t\treturn ErrForbidden\n\t}\n", "")),
    ("rust", between(RUST, RUST_LOAD, RUST_END, "    todo!()")),
    ("rust", between(RUST, RUST_LOAD, RUST_END, "    Vec::new()")),
    ("rust", RUST.replace("    if !user.is_allowed() {\n        return Err(Error::Forbidden);\n    }\n", "")),
    ("java", between(JAVA, JAVA_LOAD, JAVA_END, "        return null;")),
    ("java", between(JAVA, JAVA_LOAD, JAVA_END, "        throw new UnsupportedOperationException();")),
    ("java", JAVA.replace('        if (!user.hasRole("admin")) {\n            throw new ForbiddenException();\n        }\n', "")),
    ("c", between(C, C_LOAD, C_END, "    return 0;")),
    ("c", between(C, C_LOAD, C_END, "    /* rest of the function is unchanged */")),
    ("c", C.replace("    if (!is_owner(user, order)) {\n        return EPERM;\n    }\n", "")),
]  # fmt: skip
RIGHT = [
    ("python", between(PY, LOAD, END, "    return _kept(path)[:limit]").replace("def load", "def _kept(path):\n" + PY[PY.index("    with open") : PY.index("    return kept[")] + "    return kept\n\n\ndef load")),
    ("python", between(PY, LOAD, END, '    with open(path) as file:\n        return [row.strip() for row in file.read().split("\\n") if row.strip()][:limit]')),
    ("python", between(PY, LOAD, END, "    return [row.strip() for row in Path(path).read_text().splitlines() if row.strip()][:limit]")),
    ("python", between(PY, "def total(prices):\n", "    return amount\n", "").replace("    return amount\n", "    return sum(prices)\n")),
    ("python", PY.replace("not user.is_admin", "user.is_admin is not True")),
    ("python", PY.replace('    if not user.is_admin:\n        raise PermissionError("no")\n', "    require_admin(user)\n").replace("def pay", "def require_admin(user):\n    if not user.is_admin:\n        raise PermissionError('no')\n\n\ndef pay")),
    ("python", PY.replace("user", "person").replace("order", "purchase")),
    ("python", PY.replace("    if order.total < 0:\n        return None\n    order.paid = True\n    db.save(order)\n    return order\n", "    if order.total >= 0:\n        order.paid = True\n        db.save(order)\n        return order\n    return None\n")),
    ("python", PY + "\n\ndef sum_of(prices):\n    return total(prices)\n"),
    ("python", PY.replace("\ndef total(prices):\n", "\ndef total(prices):\n    \"\"\"Sums.\"\"\"\n")),
    ("javascript", between(JS, JS_LOAD, JS_END, '  return read(path).split("\\n").map((row) => row.trim()).filter(Boolean).slice(0, limit);')),
    ("javascript", between(JS, "names(users) {\n", "\n}\n", "  return users.map((user) => user.name);")),
    ("javascript", JS.replace('  if (!user.isAdmin) {\n    throw new Error("forbidden");\n  }\n', '  if (!user.isAdmin) throw new Error("forbidden");\n')),
    ("javascript", JS.replace("const save = async (user, order) => {", "async function save(user, order) {").replace("};\n", "}\n")),
    ("go", between(GO, GO_LOAD, GO_END, "\trows, err := readRows(path)\n\treturn head(rows, limit), err") + "\nfunc readRows(path string) ([]string, error) {\n\tdata, err := os.ReadFile(path)\n\tif err != nil {\n\t\treturn nil, err\n\t}\n\treturn strings.Split(string(data), \"\\n\"), nil\n}\n\nfunc head(rows []string, limit int) []string {\n\tif len(rows) > limit {\n\t\trows = rows[:limit]\n\t}\n\treturn rows\n}\n"),
    ("go", GO.replace("if !user.CanPay(order) {", "if allowed := user.CanPay(order); !allowed {")),
    ("rust", between(RUST, RUST_LOAD, RUST_END, "    let data = std::fs::read_to_string(path).unwrap();\n    data.lines().take(limit).map(|row| row.trim().to_string()).collect()")),
    ("rust", RUST.replace("    if !user.is_allowed() {\n        return Err(Error::Forbidden);\n    }\n", "    user.is_allowed().then_some(()).ok_or(Error::Forbidden)?;\n")),
    ("java", between(JAVA, JAVA_LOAD, JAVA_END, "        return Files.readAllLines(path).stream().map(String::strip).filter(row -> !row.isEmpty()).limit(limit).toList();")),
    ("java", JAVA.replace('if (!user.hasRole("admin")) {', 'final boolean isAdmin = user.hasRole("admin");\n        if (!isAdmin) {')),
    ("c", C.replace("    if (prices == NULL) {\n        return -1;\n    }\n", "    if (!prices) return -1;\n")),
    ("c", between(C, C_LOAD, C_END, "    return prices == NULL ? -1 : sum_of(prices, count);") + "\nint sum_of(const int *prices, int count) {\n    int amount = 0;\n    for (int i = 0; i < count; i++) {\n        amount += prices[i];\n    }\n    return amount;\n}\n"),
]  # fmt: skip


async def definitions_of(
    old: str, new: str, language: str, instruction: str = "Make it read better."
) -> dict[str, object]:
    checks = await check_text(old, new, language, instruction=instruction)
    return next(check for check in checks if check["name"] == "definitions")


@pytest.mark.parametrize(("language", "new"), WRONG)
async def test_a_body_or_a_guard_that_is_gone_is_told(language: str, new: str) -> None:
    check = await definitions_of(BY_LANGUAGE[language], new, language)
    assert check["verdict"] == "failed" or check.get("removed"), check


@pytest.mark.parametrize(("language", "new"), RIGHT)
async def test_what_does_the_same_in_other_words_passes(language: str, new: str) -> None:
    check = await definitions_of(BY_LANGUAGE[language], new, language)
    assert (check["verdict"], check.get("removed")) == ("passed", None), check


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (PY.replace("    if order.total < 0:\n", "    if order.total < 0 or order.lines == []:\n"), PY.replace("    if order.total < 0:\n        return None\n", "")),
        (JS.replace("  order.saved = true;\n", "  if (!order.lines.length) return null;\n  order.saved = true;\n"), JS),
        (GO.replace("\torder.Paid = true\n", "\tif order.Lines == 0 {\n\t\treturn nil\n\t}\n\torder.Paid = true\n"), GO),
    ],
)  # fmt: skip
async def test_a_check_of_values_that_is_gone_is_a_remark_and_no_fault(old: str, new: str) -> None:
    language = "python" if old.startswith("from") else "javascript" if old.startswith("function") else "go"
    check = await definitions_of(old, new, language)
    assert check["verdict"] == "passed"
    assert "removes the check" in str(check["detail"])
    assert [loss["kind"] for loss in check["removed"]] == ["check"]  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "instruction",
    [
        "Stub out all functions.",
        "Make load empty.",
        "Remove what load does.",
        "Let load return nothing.",
        "Rewrite it from scratch.",
    ],
)
async def test_a_body_that_was_asked_to_go_may(instruction: str) -> None:
    check = await definitions_of(PY, between(PY, LOAD, END, "    pass"), "python", instruction)
    assert check["verdict"] == "passed", check


@pytest.mark.parametrize("instruction", ["Stub out pay.", "Remove the loop in total.", "Simplify pay.", "Clean it up."])
async def test_a_body_of_another_name_than_was_asked_for_may_not(instruction: str) -> None:
    check = await definitions_of(PY, between(PY, LOAD, END, "    pass"), "python", instruction)
    assert check["verdict"] == "failed", check


@pytest.mark.parametrize(
    "instruction", ["Move total to the top.", "Clean it up.", "Rename rows.", "Split load in two."]
)
async def test_words_for_what_stays_somewhere_excuse_no_lost_end(instruction: str) -> None:
    text = PY + "\n\nprint(total([1, 2]))\nprint(visible(db.users.first()))\n"
    check = await definitions_of(text, PY, "python", instruction)
    assert check["verdict"] == "failed", check
