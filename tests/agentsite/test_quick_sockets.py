"""Frames that the site writes by itself are what every client reads."""

import pytest
from websockets.client import ClientProtocol
from websockets.frames import Frame, Opcode
from websockets.protocol import OPEN
from websockets.uri import parse_uri

from agentsite.quick_sockets import BINARY, TEXT, head


@pytest.mark.parametrize("length", [0, 1, 125, 126, 127, 65_535, 65_536, 1_048_576])
@pytest.mark.parametrize(("first", "opcode"), [(BINARY, Opcode.BINARY), (TEXT, Opcode.TEXT)])
def test_a_client_reads_a_frame_of_any_length(first: int, opcode: Opcode, length: int) -> None:
    client = ClientProtocol(parse_uri("ws://localhost/"), state=OPEN)
    client.receive_data(head(first, length) + b"x" * length + head(BINARY, 3) + b"end")
    frames = [event for event in client.events_received() if isinstance(event, Frame)]
    assert [(frame.opcode, len(frame.data)) for frame in frames] == [(opcode, length), (Opcode.BINARY, 3)]
