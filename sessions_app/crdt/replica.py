"""One replica of a shared document: the only place that touches the CRDT library.

The library can panic over an update that it could read. A panic is no Exception, and a document that panicked crashes
the process when it is read and then written, so such a replica refuses to do anything more, and what is left of it is
kept where nothing will ever run its destructors.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from pycrdt import Array, Assoc, Doc, Map, Text

from sessions_app.crdt import inspection
from sessions_app.crdt.edits import Edit
from sessions_app.crdt.errors import BadUpdate, Poisoned
from sessions_app.crdt.kinds import Kind
from sessions_app.crdt.nesting import Levels

ROOT_TYPES: dict[str, Any] = {"text": Text, "map": Map, "array": Array}
T = TypeVar("T")
NEWS_SHARE = 64
"""A state is measured again when what is new is over this share of its limit."""

_wrecks: list[object] = []
"""Documents that panicked, and the transactions that were open on them: never used, never freed."""


class Replica:
    """A document's state in memory. One thread at a time."""

    def __init__(self, kind: Kind, *, client: int | None = None) -> None:
        self.kind = kind
        self.known: dict[int, int] = {}
        """Its state vector."""
        self.size_bound = 0
        """It is not larger than this: what was inserted since it was measured is added, what was deleted is not."""
        self.state_bound = 0
        """Its state takes no more bytes than this: what came since it was measured is added as it came."""
        self._news = 0
        """How much came or was deleted since its state was measured, in bytes and letters."""
        self._is_measured = False
        self._is_sized = False
        """Its size bound is its size: nothing has come since."""
        self._levels = Levels() if kind.nested else None
        self._doc: Doc[Any] | None = Doc(client_id=client)
        self._roots: dict[str, Any] = {
            name: self._doc.get(name, type=ROOT_TYPES[of_type]) for name, of_type in kind.roots.items()
        }
        self._observing: Any = None

    @classmethod
    def of(
        cls, kind: Kind, state: bytes | None, updates: Iterable[bytes] = (), *, client: int | None = None
    ) -> "Replica":
        """A replica from a snapshot's state and the updates after it. Raises BadUpdate."""
        replica = cls(kind, client=client)
        if state is not None:
            replica._apply(state)
            replica.state_bound = len(state)
        for update in updates:
            replica._apply(update)
            replica.state_bound += len(update)
        replica.known = inspection.state_vector(replica.state_vector())
        replica.size()
        return replica

    def require(self, update: bytes) -> None:
        """Raises BadUpdate for what would not reach the library."""
        found = inspection.contents(update, self.kind)
        if self._levels is not None:
            self._levels.require(found.places)

    def apply(self, update: bytes, found: inspection.Contents | None = None) -> bool:
        """Applies an update that has been inspected; says whether it changed anything.

        Raises BadUpdate; after Poisoned, which is one, the replica is of no more use.
        """
        found = found or inspection.contents(update, self.kind)
        is_new = found.adds_to(self.known)
        if is_new or not found.deletions:
            self._apply(update, found)
        else:  # whether there was anything left of what it deletes only the library can say
            is_new = self._observed(lambda: self._apply(update, found)) is not None
        self.size_bound += found.inserted
        if is_new:
            self.state_bound += len(update)
            self._news += len(update) + found.deleted
        for client, _, end in found.structs:
            if end > self.known.get(client, 0):
                self.known[client] = end
        if len(found.structs) > 1 and self.known != inspection.state_vector(self.state_vector()):
            self._give_up()  # two clients' structs that build on each other in a circle wait inside for ever
            raise Poisoned("the update cannot be applied as a whole")
        return is_new

    def apply_state(self, state: bytes) -> None:
        """Applies a snapshot's state. Raises BadUpdate."""
        self._apply(state)
        self.known = inspection.state_vector(self.state_vector())
        self.size()
        self.state_bound += len(state)

    def state(self) -> bytes:
        """Everything in it, as one update."""
        return self._guarded(lambda doc: doc.get_update())

    def state_vector(self) -> bytes:
        return self._guarded(lambda doc: doc.get_state())

    def since(self, state_vector: bytes) -> bytes:
        """What somebody with this state vector lacks. Raises BadUpdate."""
        return self._guarded(lambda doc: doc.get_update(state_vector))

    def text(self) -> str:
        """The document's text; "" for a kind that has none."""
        root = self.kind.text_root
        return self._guarded(lambda doc: str(self._roots[root])) if root else ""

    def position(self, index: int) -> dict[str, Any] | None:
        """A place in the text, in UTF-16 units, that moves with it, as Yjs has it in JSON; None without a text."""
        root = self.kind.text_root
        if root is None:
            return None
        if index >= len(self.text().encode("utf-16-le")) // 2:
            return {"type": None, "tname": root, "item": None, "assoc": 0}
        found: dict[str, Any] = self._guarded(lambda doc: self._roots[root].sticky_index(index, Assoc.AFTER).to_json())
        return {"type": None, "tname": None, **found}

    def size(self) -> int:
        """How many bytes of text it holds; for other kinds, how large its state is."""
        root = self.kind.text_root
        if not self._is_sized:
            self.size_bound = self._guarded(lambda doc: len(self._roots[root])) if root else len(self.state())
            self._is_sized = True
        return self.size_bound

    def outgrows(self, limit: int, more: int) -> int | None:
        """How large its state would be with so many bytes more, if that is over a limit; None if it is not.

        A keystroke comes in many more bytes than it adds to the state, so the bound is far too high after a while, and
        the state is measured: the less often the less there is new, because that takes as long as writing all of it.
        """
        if self.state_bound + more > limit and (not self._is_measured or self._news > limit // NEWS_SHARE):
            self.measure_state()
        bound = self.state_bound + more
        return bound if bound > limit else None

    def measure_state(self) -> int:
        """How many bytes its state takes: what everybody who opens the document loads."""
        self.state_bound, self._news, self._is_measured = len(self.state()), 0, True
        return self.state_bound

    def tighten_bound(self, slack: int) -> int:
        """Measures its state if what is known of it may be too high by more than some bytes; how many there were."""
        may_be_lower = self._news > slack or (not self._is_measured and self.state_bound > slack)
        return self.measure_state() if may_be_lower else 0

    def edit(self, edits: Sequence[Edit]) -> bytes:
        """Changes the text by this replica's own client, in one transaction; returns that as an update."""
        root = self._roots[self.kind.text_root or ""]
        self._is_sized = False

        def change(doc: Doc[Any]) -> None:
            # What is new comes before anything goes: among what is deleted, the library would put it behind all of it,
            # and so behind what somebody types there meanwhile. From the end, so that the offsets before stay right.
            with doc.transaction():
                shift = 0
                for edit in reversed(edits):
                    if edit.inserted:
                        root.insert(edit.at + edit.removed, edit.inserted)
                        shift += len(edit.inserted.encode())
                for edit in reversed(edits):
                    shift -= len(edit.inserted.encode())
                    if edit.removed:
                        del root[edit.at + shift : edit.at + shift + edit.removed]

        event = self._observed(lambda: self._guarded(change))
        update = bytes(event.update) if event is not None else inspection.EMPTY
        self.known = inspection.state_vector(self.state_vector())
        self.size()
        self.state_bound += len(update)
        return update

    def observe_text(self, callback: Callable[[list[dict[str, Any]]], None]) -> None:
        """Calls back with the delta of every change of the text."""
        root = self._roots[self.kind.text_root or ""]
        self._subscription = root.observe(lambda event: callback(event.delta))

    def _observed(self, work: Callable[[], None]) -> Any:
        """What the library says of a change; None when nothing changed. It costs twice as much as the change itself."""
        doc, events = self._open(), list[Any]()
        self._observing = doc.observe(events.append)
        try:
            work()
        finally:
            if self._doc is not None:  # it has not panicked
                doc.unobserve(self._observing)
                self._observing = None
        return events[-1] if events else None

    def _apply(self, update: bytes, found: inspection.Contents | None = None) -> None:
        """Where types may lie within types, only what does not nest too deeply reaches the library, stored or not."""
        if self._levels is None:
            self._apply_checked(update)
            return
        found = found or inspection.contents(update, self.kind)
        with self._levels.learned(found.places):
            self._apply_checked(update)

    def _apply_checked(self, update: bytes) -> None:
        """Without Doc.transaction(), whose exit would touch a document that has panicked."""
        doc = self._open()
        self._is_sized = False
        transaction = doc._doc.create_transaction()
        try:
            doc._doc.apply_update(transaction, update)
            transaction.commit()
            transaction.drop()
        except ValueError as error:
            transaction.drop()
            raise BadUpdate(f"the update cannot be applied: {error}") from None
        except BaseException as error:
            raise self._wreck(error, transaction) from None

    def _guarded(self, work: Callable[[Doc[Any]], T]) -> T:
        doc = self._open()
        try:
            return work(doc)
        except ValueError as error:
            raise BadUpdate(f"the update cannot be read: {error}") from None
        except BaseException as error:
            raise self._wreck(error, None) from None

    def _open(self) -> Doc[Any]:
        if self._doc is None:
            raise Poisoned("this replica has panicked before")
        return self._doc

    def _give_up(self) -> None:
        self._doc, self._roots = None, {}

    def _wreck(self, error: BaseException, transaction: object) -> BaseException:
        """What to raise: the error itself when it is none of the library's; else the document is given up."""
        if type(error).__module__ != "pyo3_runtime":
            return error
        _wrecks.append((self._doc, self._roots, self._observing, transaction))
        self._give_up()
        return Poisoned(f"the CRDT library panicked: {error}")
