"""A model server on this machine that counts what it charges for: the ledger's word is held against its own."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

PIECE = 10
"""Words in an event of the stream."""


@dataclass
class PaidModel:
    """What it says, and what it charged for. It answers one after the other."""

    answer: str = "yes " * 40
    url: str = ""
    breaks_off_after: int | None = None
    """Events, of the next answer alone; then the connection ends."""
    charged: list[tuple[int, int]] = field(default_factory=list)
    """Tokens read and written for each answer that came to its end."""
    asked: int = 0


@contextmanager
def paid_model() -> Iterator[PaidModel]:
    """The server, until the block is over."""
    model = PaidModel()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            _answer(self, model)

        def log_message(self, format: str, *args: Any) -> None:
            """Nothing: the command tells what it looked at."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    model.url = f"http://127.0.0.1:{server.server_port}/v1"
    thread = threading.Thread(target=server.serve_forever, name="paid-model", daemon=True)
    thread.start()
    try:
        yield model
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _answer(handler: BaseHTTPRequestHandler, model: PaidModel) -> None:
    """A token is a word here, so that no estimate is right by chance."""
    body = json.loads(handler.rfile.read(int(handler.headers["Content-Length"])))
    model.asked += 1
    breaks_off_after, model.breaks_off_after = model.breaks_off_after, None
    words = model.answer.split()
    pieces = [" ".join(words[at : at + PIECE]) + " " for at in range(0, len(words), PIECE)]
    handler.send_response(200)
    handler.send_header("Content-Type", "text/event-stream")
    handler.end_headers()
    for piece in pieces[:breaks_off_after]:
        _send(handler, [{"index": 0, "delta": {"role": "assistant", "content": piece}, "finish_reason": None}])
    if breaks_off_after is not None:
        return
    _send(handler, [{"index": 0, "delta": {}, "finish_reason": "stop"}])
    asked = sum(len(str(message["content"]).split()) for message in body["messages"])
    model.charged.append((asked, len(words)))
    usage = {"prompt_tokens": asked, "completion_tokens": len(words), "total_tokens": asked + len(words)}
    _send(handler, [], usage=usage)
    handler.wfile.write(b"data: [DONE]\n\n")


def _send(handler: BaseHTTPRequestHandler, choices: list[dict[str, Any]], **more: Any) -> None:
    event = {"id": "answer", "object": "chat.completion.chunk", "created": 1, "model": "paid", "choices": choices}
    handler.wfile.write(b"data: " + json.dumps(event | more).encode() + b"\n\n")
