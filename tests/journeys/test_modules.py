"""The pages' pure modules, run where they run: in Chromium."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from playwright.sync_api import Browser, Page, expect

from tests.journeys.conftest import STATIC

DASH = "\N{EN DASH}"


REBASE = """async ({base, sent, typed, remote}) => {
  const { rebase, changesBetween, applied, unchanged } = await import("/js/collab/rebase.js");
  const middle = sent ?? base;
  const layers = { base, remote, sent: sent === null ? null : changesBetween(base, sent),
                   pending: typed === middle ? unchanged(middle) : changesBetween(middle, typed) };
  const { unsaved, toLocal } = rebase(layers);
  return [applied(unsaved, remote), applied(toLocal, typed)];
}"""


@pytest.mark.parametrize(
    ("base", "sent", "typed", "remote", "merged"),
    [
        pytest.param("one two", None, "one two three", "zero one two", "zero one two three", id="both added"),
        pytest.param("one two", "one two!", "one two!?", "one two!", "one two!?", id="stored, answer lost"),
        pytest.param("one two", "one two!", "one two!?", "0 one two!", "0 one two!?", id="stored, and another after"),
        pytest.param("a b c", None, "a bX c", "a  c", "a X c", id="typed where another deleted"),
        pytest.param("a", None, "", "a", "", id="deleted all"),
        pytest.param("", None, "mine", "theirs", "minetheirs", id="both began"),
        pytest.param("x\r\ny", None, "x\r\nyz", "w\r\nx\r\ny", "w\r\nx\r\nyz", id="carriage returns stay"),
    ],
)
def test_unsaved_typing_moves_onto_what_others_saved(
    blank: Page, base: str, sent: str | None, typed: str, remote: str, merged: str
) -> None:
    layers = {"base": base, "sent": sent, "typed": typed, "remote": remote}
    assert blank.evaluate(REBASE, layers) == [merged, merged]


FUZZ = """async () => {
  const { rebase, changesBetween, applied, unchanged } = await import("/js/collab/rebase.js");
  let seed = 7;
  const random = () => (seed = (seed * 1103515245 + 12345) & 0x7fffffff) / 0x7fffffff;
  const edit = (text, tag) => {
    for (let i = 0; i < 1 + Math.floor(random() * 3); i += 1) {
      const from = Math.floor(random() * (text.length + 1));
      const to = random() < 0.3 ? Math.min(text.length, from + Math.floor(random() * 5)) : from;
      text = `${text.slice(0, from)}<${tag}${i}>${random() < 0.2 ? "\\n" : ""}${text.slice(to)}`;
    }
    return text;
  };
  const wrong = [];
  for (let round = 0; round < 2000; round += 1) {
    const base = "hello world\\nline two\\n\\nend".slice(0, Math.floor(random() * 26));
    const sentText = edit(base, "s");
    const sent = random() < 0.6 ? changesBetween(base, sentText) : null;
    const middle = sent ? sentText : base;
    const typed = random() < 0.7 ? edit(middle, "p") : middle;
    const pending = typed === middle ? unchanged(middle) : changesBetween(middle, typed);
    const stored = sent && random() < 0.5;
    const before = stored ? sentText : base;
    const remote = random() < 0.6 ? edit(before, "r") : before;
    const { unsaved, toLocal } = rebase({ base, sent, pending, remote });
    const a = applied(unsaved, remote);
    const lost = (typed.match(/<p\\d>/g) ?? []).filter((mark) => !a.includes(mark));
    if (a !== applied(toLocal, typed) || lost.length || (stored && remote === sentText && a !== typed))
      wrong.push({ base, sentText, typed, remote, a, lost });
  }
  return wrong.slice(0, 3);
}"""


def test_two_thousand_random_merges_lose_nothing_and_double_nothing(blank: Page) -> None:
    assert blank.evaluate(FUZZ) == []


SAVE = """async () => {
  const { Saver } = await import("/js/graph/saver.js");
  const before = window.fetch;
  const puts = [];
  window.fetch = (path, { body }) => new Promise((resolve) => puts.push({
    text: JSON.parse(body).definition,
    answer: () => resolve(new Response(JSON.stringify({ revision: puts.length }), { status: 200 })),
  }));
  const settled = () => new Promise((resolve) => setTimeout(resolve, 10));
  let text = "first";
  const told = [];
  const saver = new Saver({ path: "/draft", revision: 0, together: false, definition: () => text, onAnswer: () => {},
                            onState: () => {}, onStale: () => {}, onError: () => {} });
  try {
    saver.changed();
    saver.save();
    saver.save().then((saved) => told.push(["first", saved]));
    await settled();
    const whileFirst = [...told];
    text = "second";
    saver.changed();
    saver.save().then((saved) => told.push(["second", saved]));
    puts[0].answer();
    await settled();
    const whileSecond = [...told];
    puts[1].answer();
    await settled();
    return [puts.map((put) => put.text), whileFirst, whileSecond, told];
  } finally {
    window.fetch = before;
  }
}"""


def test_who_saves_while_a_draft_is_on_its_way_waits_until_all_is_saved(blank: Page) -> None:
    """As Redesign, Run and Publish do: at once, they would work on the draft before."""
    texts, while_first, while_second, told = blank.evaluate(SAVE)
    assert texts == ["first", "second"]
    assert while_first == while_second == []
    assert told == [["first", True], ["second", True]]


REDUCE = """async (actions) => {
  const { reduce, emptyState, progressOf } = await import("/js/refine/reduce.js");
  const wants = [];
  let state = emptyState();
  for (const action of actions) {
    state = reduce(state, action.seq === undefined ? action : { type: "frame", frame: action, now: 1 });
    wants.push(...state.wants);
    state = reduce(state, { type: "fetched" });
  }
  const progress = Object.fromEntries(Object.entries(state.runs).map(([id, run]) => [id, progressOf(run)]));
  return { ...state, wants, progress };
}"""


def frame(seq: int | None, kind: str, run: str | None = "r1", **data: Any) -> dict[str, Any]:
    return {"seq": seq, "type": kind, "at": "2026-01-01T00:00:00Z", "run": run, "data": data}


def session(last_seq: int = 0) -> dict[str, Any]:
    return {"type": "session", "session": {"id": "s", "status": "active", "last_seq": last_seq, "title": "t"}}


QUEUED = frame(
    1,
    "run.queued",
    graph="refine_code",
    graph_version=1,
    metadata={"request": "q1", "intent": "refine_code", "instruction": "do it", "parent": None},
)


def node(seq: int, kind: str, node_run: str, node_id: str, **more: Any) -> dict[str, Any]:
    return frame(seq, kind, node_run=node_run, node_id=node_id, tool="t", attempt=1, activation=1, **more)


def test_a_run_is_told_by_its_events_alone(blank: Page) -> None:
    state = blank.evaluate(
        REDUCE,
        [
            session(),
            QUEUED,
            frame(2, "run.started", attempt=1, resumed=False),
            node(3, "node.started", "n1", "analyse"),
            node(4, "node.completed", "n1", "analyse", duration_ms=5),
            frame(5, "run.completed", duration_ms=9),
        ],
    )
    assert state["requests"]["q1"]["instruction"] == "do it"
    assert state["runs"]["r1"]["status"] == "completed"
    assert state["runs"]["r1"]["nodes"]["n1"]["status"] == "completed"
    assert state["progress"]["r1"] == {"done": 1, "total": None}
    assert state["lastSeq"] == 5


def test_events_that_are_replayed_change_nothing(blank: Page) -> None:
    events = [session(), QUEUED, frame(2, "run.started"), node(3, "node.completed", "n1", "analyse", duration_ms=5)]
    once = blank.evaluate(REDUCE, events)
    twice = blank.evaluate(REDUCE, [*events, *events[1:]])
    assert once == twice


def test_a_gap_in_the_numbers_asks_for_what_is_missing_and_applies_nothing(blank: Page) -> None:
    state = blank.evaluate(REDUCE, [session(3), frame(6, "run.started")])
    assert state["lastSeq"] == 3
    assert state["wants"] == ["events:3"]
    assert state["runs"] == {}


DELIVER = """async ({ log, deliveries }) => {
  const { reduce, emptyState } = await import("/js/refine/reduce.js");
  const start = { type: "session", session: { id: "s", status: "active", last_seq: 0, title: "t" } };
  const step = (state, frame) => reduce(state, { type: "frame", frame, now: 1 });
  const settle = (state) => {  // as the store does: what is wanted of the log is read from it
    const wanted = state.wants.find((want) => want.startsWith("events:"));
    const next = reduce(state, { type: "fetched" });
    return wanted === undefined ? next : log.slice(Number(wanted.split(":")[1])).reduce(step, next);
  };
  const first = reduce(emptyState(), start);
  const settled = (state, frame) => settle(step(state, frame));
  const told = (frames) => reduce(frames.reduce(settled, first), { type: "fetched" });
  return [told(log), told([...deliveries, log.length - 1].map((at) => log[at]))].map((state) => JSON.stringify(state));
}"""
NEWS: list[tuple[str, dict[str, Any]]] = [
    ("run.started", {"attempt": 1, "resumed": False}),
    ("node.started", {"node_run": "n1", "node_id": "a", "tool": "t", "attempt": 1, "activation": 1}),
    (
        "node.completed",
        {"node_run": "n1", "node_id": "a", "tool": "t", "attempt": 1, "activation": 1, "duration_ms": 5},
    ),
    ("node.failed", {"node_run": "n2", "node_id": "b", "tool": "t", "attempt": 1, "activation": 2, "error": {}}),
    ("diff.updated", {"hunks": [{"n": 1, "text": "+a\n"}, {"n": 2, "text": "+b\n"}], "removed": [], "total": 2}),
    ("diff.updated", {"hunks": [{"n": 1, "text": "+c\n"}], "removed": [2], "total": 1}),
    ("run.interrupted", {"interrupts": [{"id": "i1", "node_id": "ask", "question": "How?"}]}),
    ("run.resumed", {}),
    ("proposal.created", {"proposal": "p1", "request": "q1", "hunks": 1}),
    ("hunk.accepted", {"proposal": "p1", "hunks": [1], "by": "Ana", "revision": 4}),
    ("cost.updated", {"prompt_tokens": 3, "completion_tokens": 4, "cost_usd": "0.01"}),
    ("run.completed", {"duration_ms": 9}),
    ("session.expired", {}),
]


@settings(max_examples=100)
@given(st.data())
def test_events_that_come_twice_late_or_not_at_all_lead_to_the_same_state(blank: Page, data: st.DataObject) -> None:
    happened = data.draw(st.lists(st.sampled_from(NEWS), min_size=1, max_size=15))
    log = [QUEUED, *(frame(seq, kind, **more) for seq, (kind, more) in enumerate(happened, start=2))]
    deliveries = data.draw(st.lists(st.integers(0, len(log) - 1), max_size=30))
    in_order, as_it_came = blank.evaluate(DELIVER, {"log": log, "deliveries": deliveries})
    assert as_it_came == in_order


def test_an_answer_that_is_late_does_not_bring_a_run_back_to_life(blank: Page) -> None:
    late = {"type": "run", "run": {"id": "r1", "status": "running", "graph": "refine_code"}}
    state = blank.evaluate(REDUCE, [session(), QUEUED, frame(2, "run.failed", error={"message": "no"}), late])
    assert state["runs"]["r1"]["status"] == "failed"


def test_an_answer_from_before_an_event_does_not_take_back_what_the_event_told(blank: Page) -> None:
    question = {"id": "i1", "node_id": "ask", "question": "How?"}
    events = [session(), QUEUED, frame(2, "run.started"), frame(3, "run.interrupted", interrupts=[question])]
    row = {"id": "r1", "status": "running", "graph": "refine_code", "interrupts": [], "progress": {"total": 4}}
    state = blank.evaluate(REDUCE, [*events, {"type": "run", "run": row, "asked": 2}])
    assert state["runs"]["r1"]["status"] == "interrupted"
    assert state["runs"]["r1"]["interrupts"] == [question]
    assert state["runs"]["r1"]["total"] == 4
    assert state["wants"][-1] == "run:r1"  # asked once more: what it tells beyond may be old as well

    state = blank.evaluate(REDUCE, [*events, {"type": "run", "run": row, "asked": 3}])
    assert state["runs"]["r1"]["status"] == "running"


def test_a_session_that_expired_does_not_come_back_by_an_older_answer(blank: Page) -> None:
    older = session() | {"asked": 0}
    state = blank.evaluate(REDUCE, [session(), frame(1, "session.expired", run=None), older])
    assert state["session"]["status"] == "expired"
    assert state["wants"] == ["session"]


def delta(offset: int, text: str, attempt: int = 1) -> dict[str, Any]:
    return frame(None, "text.delta", node_run="n1", node_id="rewrite", attempt=attempt, offset=offset, text=text)


def test_streamed_text_is_joined_by_offsets_in_characters(blank: Page) -> None:
    deltas = [delta(0, "a😀"), delta(1, "😀b"), delta(3, "c"), delta(2, "b")]
    state = blank.evaluate(REDUCE, [session(), QUEUED, *deltas])
    assert state["runs"]["r1"]["texts"]["n1"]["text"] == "a😀bc"


def test_text_with_a_hole_asks_for_what_is_missing(blank: Page) -> None:
    state = blank.evaluate(REDUCE, [session(), QUEUED, delta(0, "ab"), delta(5, "f"), delta(2, "cdef")])
    assert "text:n1:2" in state["wants"]
    assert state["runs"]["r1"]["texts"]["n1"]["text"] == "abcdef"


def test_a_new_attempt_begins_its_text_anew(blank: Page) -> None:
    state = blank.evaluate(REDUCE, [session(), QUEUED, delta(0, "old"), delta(0, "new", attempt=2), delta(3, "late")])
    assert state["runs"]["r1"]["texts"]["n1"]["text"] == "new"


def hunk(n: int, text: str = "+a\n", **more: Any) -> dict[str, Any]:
    return {
        "n": n,
        "header": "@@ -1 +1 @@",
        "old_start": 1,
        "old_lines": 0,
        "new_start": 1,
        "new_lines": 1,
        "text": text,
    } | more


def test_hunks_come_go_and_change_while_a_model_writes(blank: Page) -> None:
    state = blank.evaluate(
        REDUCE,
        [
            session(),
            QUEUED,
            frame(2, "diff.updated", hunks=[hunk(1), hunk(2)], removed=[], total=2),
            frame(3, "diff.updated", hunks=[hunk(1, "+b\n")], removed=[2], total=1),
        ],
    )
    assert {n: kept["text"] for n, kept in state["runs"]["r1"]["draft"].items()} == {"1": "+b\n"}


def test_a_decision_of_somebody_else_shows_at_once(blank: Page) -> None:
    proposal = {"id": "p1", "run": "r1", "status": "open", "hunks": [hunk(1, status="open"), hunk(2, status="open")]}
    state = blank.evaluate(
        REDUCE,
        [
            session(),
            QUEUED,
            {"type": "proposals", "proposals": [proposal]},
            frame(2, "hunk.accepted", proposal="p1", hunks=[1], by="Ana", revision=4),
            frame(3, "hunk.rejected", proposal="p1", hunks=[2], by="Ana", revision=None),
        ],
    )
    assert [each["status"] for each in state["proposals"]["p1"]["hunks"]] == ["accepted", "rejected"]
    assert state["proposals"]["p1"]["status"] == "decided"


def test_a_hunk_that_somebody_decided_is_not_opened_again_by_an_older_answer(blank: Page) -> None:
    row = {"id": "p1", "run": "r1", "status": "open", "hunks": [{"n": 1, "status": "open"}]}
    taken = frame(2, "hunk.accepted", proposal="p1", hunks=[1], by="Ada", by_id="u", revision=2)
    known = {"type": "proposals", "proposals": [row], "asked": 1}
    state = blank.evaluate(REDUCE, [session(), QUEUED, known, taken, known])
    assert state["proposals"]["p1"]["hunks"][0]["status"] == "accepted"
    assert state["wants"][-1] == "proposal:p1"


def test_a_newer_proposal_supersedes_what_is_open(blank: Page) -> None:
    old = {"id": "p1", "run": "r1", "status": "open", "hunks": [hunk(1, status="open")]}
    state = blank.evaluate(
        REDUCE,
        [
            session(),
            QUEUED,
            {"type": "proposals", "proposals": [old]},
            frame(2, "proposal.created", run="r2", proposal="p2", request="q2", hunks=1),
        ],
    )
    assert state["proposals"]["p1"]["status"] == "superseded"
    assert state["wants"][-1] == "proposal:p2"


PILL = """async (situation) => (await import("/js/ui/pill.js")).describe(situation).text"""
CLEAN = {"phase": "clean", "changes": 0, "savedAt": None, "error": None, "keptHere": True, "keeping": False}


@pytest.mark.parametrize(
    ("change", "document", "words"),
    [
        ({}, {}, "Live"),
        ({}, {"phase": "saving", "changes": 1}, "Saving…"),
        ({"socket": "waiting"}, {"phase": "saving", "changes": 3}, f"Offline {DASH} 3 changes kept"),
        ({}, {"phase": "failing", "changes": 1, "error": {"kind": "network"}}, f"Offline {DASH} 1 change kept"),
        ({}, {"phase": "failing", "changes": 2, "keeping": True}, f"Offline {DASH} keeping 2 changes…"),
        ({}, {"phase": "failing", "changes": 2, "keptHere": False}, f"Offline {DASH} 2 changes not kept"),
        ({"readOnly": True}, {}, "Read-only"),
        ({"expired": True}, {}, "Session expired"),
        ({"expired": True}, {"changes": 2, "phase": "refused"}, f"Session expired {DASH} 2 changes kept"),
        ({}, {"phase": "refused", "changes": 1, "error": {"kind": "too-large"}}, f"Not saved {DASH} 1 change kept"),
        ({"socket": "connecting"}, {}, "Connecting…"),
        ({}, {"phase": "joining"}, "Connecting…"),
    ],
)
def test_the_pill_says_what_the_server_acknowledged(
    blank: Page, change: dict[str, Any], document: dict[str, Any], words: str
) -> None:
    situation = {"socket": "open", "expired": False, "readOnly": False, "document": CLEAN | document} | change
    assert blank.evaluate(PILL, situation) == words


ROWS = """async (hunk) => (await import("/js/refine/hunk.js")).rowsOf(hunk)
  .map((row) => [row.sign, row.old, row.now, row.marks.map(([a, b]) => row.text.slice(a, b))])"""


def test_a_hunk_numbers_its_lines_and_marks_the_words_that_changed(blank: Page) -> None:
    text = " def f():\n-    return old_name + 1\n+    return new_name + 1\n\\ No newline at end of file\n"
    rows = blank.evaluate(ROWS, {"text": text, "old_start": 7, "new_start": 9})
    assert rows == [
        [" ", 7, 9, []],
        ["-", 8, None, ["old"]],
        ["+", None, 10, ["new"]],
    ]


DEAD_TAB = """async (vendor) => {
  const { SharedDocument } = await import("/js/collab/document.js");
  const { Unsaved } = await import("/js/collab/unsaved.js");
  const { SharedDoc, encodeStateAsUpdate } = await import(vendor);
  const place = { user: "u1", session: "s1" };
  const gone = new SharedDoc();
  const dead = new Unsaved(place);
  const typed = (at, text, changes) => {
    gone.getText("text").insert(at, text);
    const before = Date.now();
    while (Date.now() === before);
    dead.write({ epoch: 1, changes, update: encodeStateAsUpdate(gone), text: gone.getText("text").toString() });
  };
  const options = { session: "s1", text: "", revision: 0, readOnly: false, onStatus() {} };
  const living = new SharedDocument({ ...options, unsaved: new Unsaved(place) });
  living.epoch = 1;
  living.didBind();
  const seen = [];
  const recover = async () => {
    const { changes, again, texts } = await living.recover();
    seen.push({ text: living.shared.toString(), changes, again, texts: texts.length, kept: dead.key in localStorage });
  };
  typed(0, "one ", 1);
  await recover();
  typed(4, "two ", 3);  // it was on its way when the tab died
  await recover();
  await recover();
  await recover();
  localStorage.clear();
  return seen;
}"""


def test_what_a_dead_tab_wrote_last_is_merged_however_late_it_comes_and_forgotten_when_it_has_settled(
    blank: Page,
) -> None:
    [vendor] = (STATIC / "vendor").glob("agentsite-vendor-?.?.?.js")
    merged = {"texts": 0, "again": True, "kept": True}
    done = {"texts": 0, "again": False, "kept": False, "changes": 0, "text": "one two "}
    assert blank.evaluate(DEAD_TAB, f"/vendor/{vendor.name}") == [
        merged | {"text": "one ", "changes": 1},
        merged | {"text": "one two ", "changes": 2},
        done,
        done,
    ]


EDITOR = """async (vendor) => {
  const { Editor } = await import("/js/collab/editor.js");
  const { Text } = await import(vendor);
  const options = { parent: document.body, text: Text.empty, extension: [], nonce: "", describedBy: "" };
  window.editor = new Editor({ ...options, readOnly: false, onAsk() {}, onSave() {} });
  await editor.setLanguage("python");
  editor.focus();
}"""
SUGGESTIONS_ANSWER_AFTER_MS = 75
"""So long after they have come up they take no key: it was meant for the text."""


def line_after_enter(page: Page, typed: str) -> str:
    """What the editor holds when Enter follows something that it has a suggestion for."""
    page.evaluate("editor.view.dispatch({ changes: { from: 0, to: editor.view.state.doc.length } })")
    page.keyboard.type(typed)
    expect(page.locator(".cm-tooltip-autocomplete [aria-selected=true]")).to_be_visible()
    waited = f"since => performance.now() - since > 2 * {SUGGESTIONS_ANSWER_AFTER_MS}"
    page.wait_for_function(waited, arg=page.evaluate("performance.now()"))
    page.keyboard.press("Enter")
    text: str = page.evaluate("editor.view.state.doc.toString()")
    return text


def test_enter_ends_the_line_after_a_whole_word_and_completes_the_beginning_of_one(
    browser: Browser, static_url: str
) -> None:
    [vendor] = (STATIC / "vendor").glob("agentsite-vendor-?.?.?.js")
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(f"{static_url}/vendor/")
        page.set_content("")
        page.evaluate(EDITOR, f"/vendor/{vendor.name}")
        assert line_after_enter(page, "x = True") == "x = True\n"
        assert line_after_enter(page, "x = Fals") == "x = False"
