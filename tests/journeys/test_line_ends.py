"""A carriage return and its line feed stay together, whatever is done around them, whenever they came."""

import base64
import itertools
import random
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from sessions_app.crdt import edits
from sessions_app.crdt.kinds import TEXT
from sessions_app.crdt.replica import Replica
from sessions_app.services.documents import CLIENT_BITS
from tests.journeys import steps
from tests.journeys.conftest import OpenPage, Problems
from tests.journeys.crdt_clients import Person, YClient, has_node
from tests.journeys.test_together import invitation, join, session_of
from tests.servers.site import Site

EDITOR = """async () => {
  const vendor = await import("/vendor/agentsite-vendor-1.2.0.js");
  const { lineEnds, stepKeys } = await import("/js/collab/line_ends.js");
  const { toText } = await import("/js/collab/rebase.js");
  const { EditorState, EditorView, EditorSelection, defaultKeymap } = vendor;
  const run = (view, key) => {
    const [, shift, name] = /^(Shift!)?(.*)$/.exec(key);
    const keys = [...(view.isOurs ? stepKeys : []), ...defaultKeymap];
    const bound = keys
      .filter((each) => each.key === name || each.mac === name)
      .map((each) => (shift ? each.shift : each.run));
    if (!bound.length) throw new Error(key);
    bound.some((command) => command(view));
  };
  const act = (view, [what, given]) => {
    const { state } = view;
    if (what === "type") view.dispatch(state.replaceSelection(given), { userEvent: "input.type" });
    else if (what === "paste") {
      const clipboardData = new DataTransfer();
      clipboardData.setData("text/plain", given);
      view.contentDOM.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true }));
    } else if (what === "cut") view.dispatch(state.replaceSelection(""), { userEvent: "delete.cut" });
    else if (what === "select") {
      const ranges = given.map(([a, b]) => EditorSelection.range(a, b));
      view.dispatch({ selection: EditorSelection.create(ranges) });
    } else run(view, what);
  };
  const stock = [];
  const editor = (text, extension) => {
    const parent = document.createElement("div");
    document.body.append(parent);
    const extensions = [EditorState.allowMultipleSelections.of(true), extension];
    const view = new EditorView({ parent, state: EditorState.create({ doc: toText(text), extensions }) });
    view.isOurs = extension !== stock;
    return view;
  };
  window.ends = { vendor, act, editor, lineEnds, stock };
}"""


@pytest.fixture(scope="module")
def editors(blank: Page) -> Page:
    blank.evaluate(EDITOR)
    return blank


ACT = """([text, cursors, deeds]) => {
  const { act, editor, lineEnds } = window.ends;
  const view = editor(text, lineEnds);
  act(view, ["select", cursors]);
  for (const deed of deeds) act(view, deed);
  const told = [view.state.doc.toString(), view.state.selection.ranges.map(({ anchor, head }) => [anchor, head])];
  view.dom.parentElement.remove();
  view.destroy();
  return told;
}"""


def act(page: Page, text: str, at: int | list[list[int]], *deeds: str | list[Any]) -> tuple[str, list[list[int]]]:
    """What the text is, and where the cursors are, after somebody did that."""
    cursors = [[at, at]] if isinstance(at, int) else at
    after, selection = page.evaluate(
        ACT, [text, cursors, [[deed] if isinstance(deed, str) else deed for deed in deeds]]
    )
    return after, selection


MIXED = "one\r\ntwo\nthree\r\nfour"


@pytest.mark.parametrize(
    ("text", "at", "deeds", "after"),
    [
        pytest.param("one\r\ntwo", 4, [["type", "X"]], "oneX\r\ntwo", id="typed inside a pair"),
        pytest.param("one\r\ntwo", 1, ["End", ["type", "X"]], "oneX\r\ntwo", id="End"),
        pytest.param("one\r\ntwo", 1, ["Shift!End", ["type", "X"]], "oX\r\ntwo", id="over the rest of a line"),
        pytest.param("one\r\ntwo", 1, ["Shift!End", ["cut"]], "o\r\ntwo", id="the rest of a line cut"),
        pytest.param("one\r\ntwo", 3, ["Enter"], "one\r\n\r\ntwo", id="Enter at an end"),
        pytest.param("one  \r\ntwo", 3, ["Enter"], "one\r\n\r\ntwo", id="Enter before blanks"),
        pytest.param("  one\r\ntwo", 5, ["Enter"], "  one\r\n  \r\ntwo", id="Enter with an indent"),
        pytest.param(MIXED, 1, ["Enter"], "o\r\nne\r\ntwo\nthree\r\nfour", id="Enter in a line of CR LF"),
        pytest.param(MIXED, 6, ["Enter"], "one\r\nt\nwo\nthree\r\nfour", id="Enter in a line of LF"),
        pytest.param(MIXED, 20, ["Enter"], MIXED + "\r\n", id="Enter at the end of all"),
        pytest.param("{}\r\n", 1, ["Enter"], "{\r\n\r\n}\r\n", id="Enter between brackets"),
        pytest.param("one\r\ntwo", 5, ["Backspace"], "onetwo", id="Backspace at a start"),
        pytest.param("one\r\ntwo", 3, ["Delete"], "onetwo", id="Delete at an end"),
        pytest.param(MIXED, 9, ["Backspace"], "one\r\ntwothree\r\nfour", id="lines of two kinds joined"),
        pytest.param("one\r\ntwo", [[2, 4]], [["cut"]], "on\r\ntwo", id="a cut that ends in a pair"),
        pytest.param("one\r\ntwo", [[4, 6]], [["cut"]], "onewo", id="a cut that begins in a pair"),
        pytest.param("one\r\ntwo", 3, [["paste", "a\nb"]], "onea\r\nb\r\ntwo", id="LF pasted among CR LF"),
        pytest.param("one\ntwo", 3, [["paste", "a\r\nb"]], "onea\r\nb\ntwo", id="CR LF pasted among LF"),
        pytest.param("one\ntwo", 3, [["paste", "a\r\nb\rc\nd"]], "onea\r\nb\rc\nd\ntwo", id="mixed text pasted"),
        pytest.param("one\ntwo", 0, [["paste", "a\r\n"], ["type", "b"]], "a\r\nbone\ntwo", id="typed after a paste"),
        pytest.param("", 0, [["paste", "a\r\nb"], "Home", "ArrowLeft", ["type", "X"]], "aX\r\nb", id="stepped back"),
        pytest.param(
            "a\r\nb\r\n", [[1, 1], [4, 4]], [["paste", "x\r\ny"]], "ax\r\nby\r\n", id="a line for each cursor"
        ),
        pytest.param("a\r\nb\r\nc", 0, ["Alt-ArrowDown"], "b\r\na\r\nc", id="a line moved down"),
        pytest.param("a\r\nb", 0, ["Alt-ArrowDown"], "b\r\na", id="a line moved to the end"),
        pytest.param("a\r\nb\r\nc", 3, ["Alt-ArrowUp"], "b\r\na\r\nc", id="a line moved up"),
        pytest.param("a\r\nb", 3, ["Alt-ArrowUp"], "b\r\na", id="the last line moved up"),
        pytest.param("a\r\nb\nc", 3, ["Alt-ArrowUp"], "b\na\r\nc", id="a moved line keeps its own end"),
        pytest.param("a\r\nb", 0, ["Shift-Alt-ArrowDown"], "a\r\na\r\nb", id="a line copied down"),
        pytest.param("a\r\nb\r\nc", 3, ["Shift-Alt-ArrowUp"], "a\r\nb\r\nb\r\nc", id="a line copied up"),
        pytest.param("a\r\nb", 3, ["Shift-Alt-ArrowUp"], "a\r\nb\r\nb", id="the last line copied"),
        pytest.param("a\r\nb", 3, ["Shift-Mod-k"], "a", id="the last line deleted"),
        pytest.param("  a\r\n\r\n  b\r\n", [[0, 12]], ["Mod-["], "a\r\n\r\nb\r\n", id="empty lines moved left"),
        pytest.param("one\r\ntwo", 3, ["Ctrl-t"], "one\r\ntwo", id="swapped before an end"),
        pytest.param("one\r\ntwo", 1, ["Ctrl-k"], "o\r\ntwo", id="deleted to an end"),
        pytest.param("one\r\ntwo", 3, ["Ctrl-k"], "onetwo", id="deleted at an end"),
        pytest.param("a\rb\r\nc", 2, ["Backspace"], "ab\r\nc", id="a lone carriage return is a character"),
        pytest.param("a\r\r\nb", 2, [["type", "X"]], "a\rX\r\nb", id="a lone one before a pair"),
    ],
)
def test_no_pair_is_torn(editors: Page, text: str, at: Any, deeds: list[Any], after: str) -> None:
    assert act(editors, text, at, *deeds)[0] == after


def test_a_step_to_the_right_goes_over_the_whole_pair(editors: Page) -> None:
    assert act(editors, "one\r\ntwo", 3, "ArrowRight")[1] == [[5, 5]]
    assert act(editors, "one\r\ntwo", 5, "ArrowLeft")[1] == [[3, 3]]
    assert act(editors, "one\r\ntwo", 1, "End")[1] == [[3, 3]]
    assert act(editors, "one\r\ntwo", 3, "End")[1] == [[3, 3]]
    assert act(editors, "one\r\ntwo", 3, "Shift!ArrowRight")[1] == [[3, 5]]


def test_the_cursor_stands_where_it_would_without_carriage_returns(editors: Page) -> None:
    assert act(editors, "one\r\ntwo", 3, "Enter") == ("one\r\n\r\ntwo", [[5, 5]])
    assert act(editors, "{}\r\n", 1, "Enter") == ("{\r\n\r\n}\r\n", [[3, 3]])
    assert act(editors, "a\r\nb", 0, "Alt-ArrowDown") == ("b\r\na", [[3, 3]])


WITHOUT = r"""([rounds, start]) => {
  const { act, editor, lineEnds, stock } = window.ends;
  let seed = start;
  const random = (below) => ((seed = (seed * 1103515245 + 12345) & 0x7fffffff) >>> 8) % below;
  const pick = (from) => from[random(from.length)];
  const KEYS = ["Enter", "Backspace", "Delete", "Alt-ArrowUp", "Alt-ArrowDown", "Shift-Alt-ArrowUp",
    "Shift-Alt-ArrowDown", "Shift-Mod-k", "Mod-[", "Mod-]", "Ctrl-k", "Ctrl-o", "Mod-Backspace", "Mod-Delete", "End",
    "Home", "ArrowLeft", "ArrowRight", "Shift!End", "Shift!Home", "Shift!ArrowRight", "Shift!ArrowLeft", "Mod-a"];
  const deed = () => pick([[pick(KEYS)], [pick(KEYS)], [pick(KEYS)], ["type", pick(["x", "yz", " "])],
    ["paste", pick(["p", "p\nq", "\n", "p\nq\n"])], ["cut"]]);
  const plain = (text) => text.replaceAll("\r\n", "\n");
  const place = (text, at) => plain(text.slice(0, at)).length;
  const wrong = [];
  for (let round = 0; round < rounds && !wrong.length; round += 1) {
    const kind = pick(["crlf", "mixed", "lf"]);
    const end = () => (kind === "crlf" ? "\r\n" : kind === "lf" ? "\n" : pick(["\r\n", "\n"]));
    let text = "";
    for (let i = random(6); i > 0; i -= 1) text += pick(["", "a", "  bc", "d e", "{}", "f  "]) + end();
    text += pick(["", "g", "h i"]);
    const ours = editor(text, lineEnds);
    const theirs = editor(plain(text), stock);
    const told = [JSON.stringify(text)];
    for (let step = 0; step < 8 && !wrong.length; step += 1) {
      const before = ours.state.doc.toString();
      const [a, b] = [random(before.length + 1), random(3) ? -1 : random(before.length + 1)];
      if (random(2)) act(ours, ["select", [[a, b < 0 ? a : b]]]);
      const { anchor, head } = ours.state.selection.main;
      act(theirs, ["select", [[place(before, anchor), place(before, head)]]]);
      const what = deed();
      act(ours, what);
      act(theirs, what);
      const after = ours.state.doc.toString();
      told.push(`${JSON.stringify([anchor, head, ...what])} ${JSON.stringify(after)}`);
      const { main } = ours.state.selection;
      const there = theirs.state.selection.main;
      const isThere = place(after, main.anchor) === there.anchor && place(after, main.head) === there.head;
      if (/\r(?!\n)/.test(after)) wrong.push("torn");
      if (kind === "crlf" && /(?<!\r)\n/.test(after) && after.includes("\r\n")) wrong.push("a lone line feed");
      if (kind === "lf" && after.includes("\r")) wrong.push("a carriage return");
      if (plain(after) !== theirs.state.doc.toString()) wrong.push(`not ${theirs.state.doc.toString()}`);
      // A line that is copied upwards is put between its halves: what is selected then may hold the copy too.
      if (!isThere && !what[0].includes("Shift-Alt")) wrong.push(`not at ${there.anchor} ${there.head}`);
      if (!after.includes("\n")) break; // how its next line ends is anybody's guess
    }
    if (wrong.length) wrong.unshift(told.join("\n"));
    for (const view of [ours, theirs]) (view.dom.parentElement.remove(), view.destroy());
  }
  return wrong;
}"""


@pytest.mark.parametrize("seed", [11, 12, 13])
def test_whatever_is_done_comes_out_as_without_carriage_returns(editors: Page, seed: int) -> None:
    assert editors.evaluate(WITHOUT, [300, seed]) == []


TOGETHER = r"""([rounds, start]) => {
  const { act, editor, lineEnds, vendor } = window.ends;
  const { SharedDoc, applyUpdate, encodeStateAsUpdate, UndoManager, yCollab } = vendor;
  let seed = start;
  const random = (below) => ((seed = (seed * 1103515245 + 12345) & 0x7fffffff) >>> 8) % below;
  const pick = (from) => from[random(from.length)];
  const KEYS = ["Enter", "Backspace", "Delete", "End", "Alt-ArrowUp", "Alt-ArrowDown", "Shift-Mod-k", "Ctrl-k"];
  const deed = () => pick([[pick(KEYS)], [pick(KEYS)], ["type", "x"], ["cut"],
    ["paste", pick(["p\nq", "p\r\nq", "p\r\nq\nr"])]]);
  const outside = (text, at) => (text[at - 1] === "\r" && text[at] === "\n" ? at - 1 : at);
  /** As the server turns one text into another: line by line, and no half of a pair alone. */
  const put = (text, end) => {
    for (let at = text.length - 1; at >= 0; at -= 1) {
      const now = text.toString();
      if (now[at] !== "\n") continue;
      const from = now[at - 1] === "\r" ? at - 1 : at;
      if (now.slice(from, at + 1) === end) continue;
      text.insert(at + 1, end);
      text.delete(from, at + 1 - from);
      at = from;
    }
  };
  const TEXTS = ["one\ntwo\nthree", "one\r\ntwo\r\nthree\r\n", "one\r\ntwo\nthree\r\n", ""];
  const wrong = [];
  for (let round = 0; round < rounds && !wrong.length; round += 1) {
    const first = new SharedDoc();
    first.getText("text").insert(0, pick(TEXTS));
    const told = [JSON.stringify(first.getText("text").toString())];
    // Two pages of ours, and somebody whose client knows nothing of pairs and is told whole texts.
    const people = [0, 1, 2].map((n) => {
      const doc = new SharedDoc();
      doc.clientID = 1 + n + 10 * random(100);
      applyUpdate(doc, encodeStateAsUpdate(first));
      const text = doc.getText("text");
      const undoing = new UndoManager(text, { captureTimeout: 0, trackedOrigins: new Set() });
      const collab = yCollab(text, null, { undoManager: undoing });
      return { doc, text, view: n < 2 ? editor(text.toString(), [lineEnds, collab]) : null, undoing };
    });
    const meet = () => {
      for (const from of people)
        for (const to of people) if (from !== to) applyUpdate(to.doc, encodeStateAsUpdate(from.doc), "net");
    };
    for (let step = 0; step < 14 && !wrong.length; step += 1) {
      const n = random(3);
      const { text, view, undoing, doc } = people[n];
      const before = text.toString();
      let what;
      if (!view) {
        what = pick(["crlf", "lf", "insert"]);
        if (what === "insert")
          text.insert(outside(before, random(before.length + 1)), pick(["s", "s\r\nt", "\r\n"]));
        else doc.transact(() => put(text, what === "crlf" ? "\r\n" : "\n"));
      } else if (random(4) === 0) {
        what = pick(["undo", "redo"]);
        undoing[what]();
      } else {
        const [a, b] = [random(before.length + 1), random(before.length + 1)];
        act(view, ["select", [[a, random(3) ? a : b]]]);
        what = deed();
        act(view, what);
      }
      told.push(`${n} ${JSON.stringify(what)} ${JSON.stringify(text.toString())}`);
      if (random(2)) (meet(), told.push(`met ${JSON.stringify(text.toString())}`));
      for (const each of people) {
        const now = each.text.toString();
        if (/\r(?!\n)/.test(now)) wrong.push("torn", now);
        if (each.view && each.view.state.doc.toString() !== now) wrong.push("the editor differs", now);
        const cursor = each.view?.state.selection.main.head ?? 0;
        if (outside(now, cursor) !== cursor) wrong.push("a cursor inside a pair", now);
      }
    }
    meet();
    if (new Set(people.map(({ text }) => text.toString())).size > 1) wrong.push("they differ");
    if (wrong.length) wrong.unshift(told.join("\n"));
    for (const { view } of people) if (view) (view.dom.parentElement.remove(), view.destroy());
  }
  return wrong;
}"""


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_two_pages_and_another_client_tear_no_pair_and_agree(editors: Page, seed: int) -> None:
    assert editors.evaluate(TOGETHER, [100, seed]) == []


TYPED_MEANWHILE = r"""(rounds) => {
  const { act, editor, lineEnds, vendor } = window.ends;
  const { SharedDoc, applyUpdate, encodeStateAsUpdate, UndoManager, yCollab } = vendor;
  const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const coded = (update) => btoa(String.fromCharCode(...update));
  window.meanwhile = rounds.map(({ state, page, other }) => {
    const [doc, stock] = [new SharedDoc(), new SharedDoc()];
    for (const each of [doc, stock]) applyUpdate(each, bytes(state));
    const text = doc.getText("text");
    const undoing = new UndoManager(text, { captureTimeout: 0, trackedOrigins: new Set() });
    const view = editor(text.toString(), [lineEnds, yCollab(text, null, { undoManager: undoing })]);
    act(view, ["select", [[page, page]]]);
    act(view, ["type", "X"]);
    act(view, ["select", [[page, page]]]);
    stock.getText("text").insert(other, "Y");
    return { doc, stock, view, text, undoing };
  });
  return window.meanwhile.map(({ doc, stock }) => [doc, stock].map((each) => coded(encodeStateAsUpdate(each))));
}"""

THEN_PUT = r"""(puts) => {
  const { act, vendor } = window.ends;
  const bytes = (text) => Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  return window.meanwhile.map(({ doc, stock, view, text, undoing }, n) => {
    for (const each of [doc, stock]) vendor.applyUpdate(each, bytes(puts[n]), "net");
    const merged = [text, stock.getText("text"), view.state.doc].map(String);
    act(view, ["type", "Z"]);
    const typed = view.state.doc.toString();
    for (const _each of [0, 1]) undoing.undo();
    const undone = [text, view.state.doc].map(String);
    view.dom.parentElement.remove();
    view.destroy();
    return { merged, typed, undone };
  });
}"""


@dataclass(frozen=True, slots=True)
class Meanwhile:
    """Lines whose ends a PUT changes while two people type, each on a line of their own choice."""

    bodies: list[str]
    ends: list[str]
    new_ends: list[str]
    page: tuple[int, int]
    other: tuple[int, int]

    @classmethod
    def any(cls, choice: random.Random) -> "Meanwhile":
        bodies = [choice.choice(["", "a", "bc", "d e", "f\rg"]) for _ in range(choice.randint(2, 7))]
        ends, new_ends = ([choice.choice(["\n", "\r\n"]) for _ in bodies[1:]] + [""] for _ in range(2))
        line, other_line = choice.sample(range(len(bodies)), 2)
        page = (line, choice.randint(0, len(bodies[line])))
        return cls(bodies, ends, new_ends, page, (other_line, choice.randint(0, len(bodies[other_line]))))

    @property
    def old(self) -> str:
        return "".join(map("".join, zip(self.bodies, self.ends, strict=True)))

    def put(self, page: str, other: str) -> str:
        """What the text is after the PUT, with what each typed."""
        bodies = list(self.bodies)
        for (line, column), typed in ((self.page, page), (self.other, other)):
            bodies[line] = bodies[line][:column] + typed + bodies[line][column:]
        return "".join(itertools.chain(*zip(bodies, self.new_ends, strict=True)))

    def offset(self, place: tuple[int, int]) -> int:
        line, column = place
        return len("".join(map("".join, zip(self.bodies[:line], self.ends[:line], strict=True)))) + column


def coded(update: bytes) -> str:
    return base64.b64encode(update).decode()


@pytest.mark.parametrize("seed", [21, 22, 23])
def test_what_is_typed_while_a_put_changes_line_ends_stays_on_its_line(editors: Page, seed: int) -> None:
    choice = random.Random(seed)  # noqa: S311  # a test's dice
    rounds = [Meanwhile.any(choice) for _ in range(150)]
    servers = [Replica(TEXT, client=choice.getrandbits(CLIENT_BITS)) for _ in rounds]
    given = []
    for one, server in zip(rounds, servers, strict=True):
        server.edit(edits.between("", one.old))
        places = {"page": one.offset(one.page), "other": one.offset(one.other)}
        given.append({"state": coded(server.state()), **places})
    for one, server, updates in zip(rounds, servers, editors.evaluate(TYPED_MEANWHILE, given), strict=True):
        server.edit(edits.between(one.old, one.put("", "")))
        for update in updates:
            server.apply(base64.b64decode(update))
        assert server.text() == one.put("X", "Y"), one
    told = editors.evaluate(THEN_PUT, [coded(server.state()) for server in servers])
    for one, found in zip(rounds, told, strict=True):
        assert found["merged"] == [one.put("X", "Y")] * 3, one
        assert found["typed"] == one.put("ZX", "Y"), one
        assert found["undone"] == [one.put("", "Y")] * 2, one


MERGED = """async ([base, typed, remote]) => {
  const { rebase, changesBetween, applied } = await import("/js/collab/rebase.js");
  const { unsaved, toLocal } = rebase({ base, sent: null, pending: changesBetween(base, typed), remote });
  return [applied(unsaved, remote), applied(toLocal, typed)];
}"""


@pytest.mark.parametrize(
    ("base", "typed", "remote", "merged"),
    [
        ("one\ntwo", "oneX\ntwo", "one\r\ntwo", "oneX\r\ntwo"),
        ("one\r\ntwo", "oneX\r\ntwo", "one\ntwo", "oneX\ntwo"),
        ("one\ntwo\n", "one\nYtwo\n", "one\r\ntwo\r\n", "one\r\nYtwo\r\n"),
    ],
)
def test_what_was_typed_before_the_text_came_tears_no_pair(
    editors: Page, base: str, typed: str, remote: str, merged: str
) -> None:
    assert editors.evaluate(MERGED, [base, typed, remote]) == [merged, merged]


SHOWN = r"""async () => {
  const { Proposals, proposalsInText } = await import("/js/collab/proposals.js");
  const { editor, lineEnds } = window.ends;
  const view = editor("one\r\ntwo\r\n", [lineEnds, proposalsInText]);
  const hunk = { old_start: 1, text: " one\n-two\n+2\n" };
  new Proposals(view).show([{ name: "a", color: "red", hunks: [hunk], at: null, isWorking: false }]);
  return [...view.dom.querySelectorAll(".cm-proposed-gone, .cm-proposed-come")].map((each) => each.textContent);
}"""


def test_a_proposal_is_found_in_lines_that_end_in_pairs(editors: Page) -> None:
    assert editors.evaluate(SHOWN) == ["two", "2"]


def type_after(page: Page, line: int, *keys: str) -> None:
    """At the end of a line, as people do."""
    page.locator(".cm-line").nth(line).click()
    page.keyboard.press("End")
    for key in keys:
        page.keyboard.press(key)


@pytest.mark.skipif(not has_node(), reason="no Node.js on this machine")
def test_pairs_that_come_while_pages_are_open_stay_whole(
    live_site: Site, open_page: OpenPage, problems: Problems
) -> None:
    ana, ben = open_page(), open_page()
    steps.start_as_guest(ana, live_site.url, "Ana Berg")
    steps.open_session(ana, "one\ntwo\n")
    link, session = invitation(ana), session_of(ana)
    join(ben, link, "Ben Ode")
    other = Person(live_site, "Node")
    other.call("POST", f"/v1/invites/{link.rstrip('/').split('/')[-1]}/accept")
    node = YClient(live_site, session, other)
    try:
        node.wait_until_synced()
        revision = other.call("GET", f"/v1/sessions/{session}/document")["revision"]
        other.call("PUT", f"/v1/sessions/{session}/document", {"text": "one\r\ntwo\r\n", "revision": revision})
        for page in (ana, ben):
            assert steps.wait_until(page, "document.querySelector('.cm-content').cmTile.view.state.doc.length === 10")
        type_after(ana, 0, "X")
        node.wait_for_text("oneX\r\ntwo\r\n")
        type_after(ben, 1, "Enter", "3")
        node.wait_for_text("oneX\r\ntwo\r\n3\r\n")
        node.do("append", text="four\r\nfive\n")
        for page in (ana, ben):
            expect(page.locator(".cm-content")).to_contain_text("five")
        type_after(ana, 3, "Y", "Delete")
        node.wait_for_text("oneX\r\ntwo\r\n3\r\nfourYfive\n")
        for page in (ana, ana, ben):
            page.keyboard.press("Control+z")
        node.wait_for(lambda: not {"Y", "3"} & set(node.text()), "what was undone")
        assert node.text().endswith("two\r\nfour\r\nfive\n")
        for page in (ana, ben):
            steps.wait_until_same(page)
            assert steps.editor_text(page) == node.text() == other.text_of(session)
    finally:
        node.stop()
    assert problems.found == []
