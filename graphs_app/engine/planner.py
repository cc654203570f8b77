"""Decides which nodes start when: a deterministic state machine, pure and synchronous.

    planner = Planner(topology)
    ready = planner.start()                     # the entry node's activation
    ready = planner.complete(activation, edges) # what starts now that it is done and has taken these edges

An activation is one execution of a node, numbered from 1 in the order in which they become ready. Completing the
same activations in the same order gives the same numbers, so replaying a history rebuilds what was active, what was
waiting, and how often each edge was traversed.

Joins. "any": every arrival is an activation. "all": arrivals wait for the others that may still come:
- for every active or waiting node upstream, that is, which reaches this one and is not reached by it;
- and, where both are on a loop, for those that can get to one of its edges by which nothing has arrived yet, without
  going through it. So two branches inside a loop run at the same time, though each could reach the other going round.
When nothing but waiting nodes is left, the first in the definition's order starts. Each waiting node watches one node
that still blocks it, and is looked at again only when that one is no longer active: a join of n branches costs O(n).
"first": the first arrival of a split is an activation; later ones are dropped, unless they come after that activation
(a loop). The split is the latest activation of the node at which all ways to it part.
"""

from collections.abc import Sequence

from graphs_app.engine.errors import HistoryMismatch
from graphs_app.engine.topology import Topology

Passes = dict[int, tuple[int, int]]
"""By node with join "first": the latest activations of its split, and of itself, that an activation comes after."""


class Activation:
    """One execution of a node."""

    __slots__ = ("causes", "node", "number", "passes")

    def __init__(self, number: int, node: int, causes: tuple[int, ...], passes: Passes | None) -> None:
        self.number = number
        self.node = node
        self.causes = causes
        """The activations whose edges led to it."""
        self.passes = passes


class _Waiting:
    """A node with join "all" that something has arrived at."""

    __slots__ = ("arrivals", "marked", "passed", "watched_edge")

    def __init__(self, arrival: Activation, edge: int) -> None:
        self.arrivals = [arrival]
        self.marked = {edge}
        """The edges by which something has arrived."""
        self.passed = 0
        """How many of the edges from its loops need not be waited for any more."""
        self.watched_edge = -1
        """The edge that is waited for; -1 while it waits for what is upstream."""


class Planner:
    """What is active and what waits in one run."""

    __slots__ = (
        "_first_starts",
        "_left_edges",
        "_mask",
        "_next",
        "_running",
        "_topology",
        "_untouched",
        "_waiting",
        "_watchers",
        "active",
        "exceeded",
        "traversals",
    )

    def __init__(self, topology: Topology) -> None:
        self.active: dict[int, Activation] = {}
        """By number, in the order of numbers: ready or running."""
        self.traversals = [0] * len(topology.targets)
        self.exceeded: int | None = None
        """The first edge that was taken more often than max_iterations."""
        self._topology = topology
        self._next = 1
        self._running = [0] * len(topology.joins)
        self._mask = 0
        self._waiting: dict[int, _Waiting] = {}
        self._watchers: dict[int, list[int]] = {}
        self._first_starts: dict[tuple[int, int], int] = {}
        self._untouched = topology.descendants[topology.entry]
        self._left_edges = False

    def start(self) -> list[Activation]:
        return [self._activate(self._topology.entry, ())]

    def complete(self, number: int, edges: Sequence[int]) -> list[Activation]:
        """The activations that become ready."""
        done = self.active.pop(number, None)
        if done is None:
            raise HistoryMismatch(f"activation {number} is not active")
        node = done.node
        self._running[node] -= 1
        if len(edges) == 1:
            next_one = self._follow(edges[0], done)
            if next_one is not None:
                return [next_one]
        ready: list[Activation] = []
        candidates: list[int] = []
        for edge in edges:
            self._arrive(edge, done, ready, candidates)
        if len(edges) < self._topology.outgoing[node]:
            self._left_edges = True
        candidates += self._left(node)
        if candidates:
            self._start_unblocked(candidates, ready)
        if not ready and not self.active and self._waiting:
            ready.append(self._start_waiting(min(self._waiting)))
        return ready

    def _left(self, node: int) -> list[int]:
        """One activation of the node is over; returns who watched it, if it blocks nobody any more."""
        waiting = self._waiting.get(node)
        if waiting is not None:
            # What that activation leads to may come round to edges that nobody could get to while it was running.
            waiting.passed = 0
        elif not self._running[node]:
            self._mask &= ~(1 << node)
            return self._watchers.pop(node, None) or []
        return []

    def skipped(self) -> list[int]:
        """The nodes that have never started, and that nothing can reach any more, since the last call."""
        if not self._left_edges:
            return []
        self._left_edges = False
        alive = 0
        descendants = self._topology.descendants
        for node in {one.node for one in self.active.values()} | self._waiting.keys():
            alive |= descendants[node]
        gone = self._untouched & ~alive
        self._untouched &= alive
        nodes = []
        while gone:
            lowest = gone & -gone
            nodes.append(lowest.bit_length() - 1)
            gone ^= lowest
        return nodes

    def _follow(self, edge: int, done: Activation) -> Activation | None:
        """The short way for the common case: one edge, to a node that can start at once; nobody watches this one."""
        topology, node = self._topology, done.node
        target = topology.targets[edge]
        if (
            topology.joins[target] != "all"
            or self._running[node]
            or node in self._watchers
            or target in self._waiting
            or node in self._waiting
        ):
            return None
        mask = self._mask & ~(1 << node)
        loops = topology.loops
        if mask & topology.upstream[target] or (loops.into[target] and mask & loops.inside[target] & ~(1 << target)):
            return None
        self._mask = mask
        self.traversals[edge] += 1
        if self.traversals[edge] > topology.max_iterations and self.exceeded is None:
            self.exceeded = edge
        if topology.outgoing[node] > 1:
            self._left_edges = True
        return self._activate(target, (done,))

    def _arrive(self, edge: int, done: Activation, ready: list[Activation], candidates: list[int]) -> None:
        self.traversals[edge] += 1
        if self.traversals[edge] > self._topology.max_iterations and self.exceeded is None:
            self.exceeded = edge
        target = self._topology.targets[edge]
        join = self._topology.joins[target]
        if join == "all":
            waiting = self._waiting.get(target)
            if waiting is None:
                self._waiting[target] = _Waiting(done, edge)
                self._mask |= 1 << target
                candidates.append(target)
            else:
                waiting.arrivals.append(done)
                waiting.marked.add(edge)
                if waiting.watched_edge == edge:
                    candidates.append(target)
        elif join == "any" or self._is_first(target, done):
            started = self._activate(target, (done,))
            ready.append(started)
            if join == "first" and started.passes is not None:
                self._first_starts[target, (done.passes or {}).get(target, (0, 0))[0]] = started.number

    def _is_first(self, node: int, arriving: Activation) -> bool:
        split, latest = (arriving.passes or {}).get(node, (0, 0))
        return latest >= self._first_starts.get((node, split), 0)

    def _start_unblocked(self, candidates: list[int], ready: list[Activation]) -> None:
        if len(candidates) > 1:
            candidates = sorted(set(candidates))
        for node in candidates:
            waiting = self._waiting.get(node)
            if waiting is None:
                continue
            blockers = self._mask & self._topology.upstream[node] or self._blockers_on_loops(node, waiting)
            if blockers:
                self._watchers.setdefault((blockers & -blockers).bit_length() - 1, []).append(node)
            else:
                ready.append(self._start_waiting(node))

    def _blockers_on_loops(self, node: int, waiting: _Waiting) -> int:
        """Nothing is upstream any more: what cannot get to an edge now cannot before the node itself is done again."""
        loops = self._topology.loops
        edges = loops.into[node]
        if self._mask & loops.inside[node] & ~(1 << node):
            while waiting.passed < len(edges):
                edge = edges[waiting.passed]
                blockers = 0 if edge in waiting.marked else self._mask & loops.reach(edge, node)
                if blockers:
                    waiting.watched_edge = edge
                    return blockers
                waiting.passed += 1
        return 0

    def _start_waiting(self, node: int) -> Activation:
        return self._activate(node, self._waiting.pop(node).arrivals)

    def _activate(self, node: int, causes: Sequence[Activation]) -> Activation:
        number = self._next
        self._next += 1
        passes = self._passes(number, node, causes) if self._topology.splits else None
        if len(causes) == 1:
            numbers: tuple[int, ...] = (causes[0].number,)
        else:
            numbers = tuple([cause.number for cause in causes])
        activation = Activation(number, node, numbers, passes)
        self.active[number] = activation
        self._running[node] += 1
        bit = 1 << node
        self._mask |= bit
        self._untouched &= ~bit
        return activation

    def _passes(self, number: int, node: int, causes: Sequence[Activation]) -> Passes:
        passes: Passes = {}
        for first, split in self._topology.splits.items():
            before = [cause.passes[first] for cause in causes if cause.passes is not None]
            latest_split = number if node == split else max((one[0] for one in before), default=0)
            latest_self = number if node == first else max((one[1] for one in before), default=0)
            passes[first] = (latest_split, latest_self)
        return passes
