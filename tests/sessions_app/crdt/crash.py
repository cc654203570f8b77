"""The update that makes pycrdt 0.14.13 panic, and the document that it does it to."""

import dataclasses
import json
from pathlib import Path

from sessions_app.crdt.kinds import TEXT

KIND = dataclasses.replace(TEXT, roots={"t": "text"}, text_root="t")
"""The repro's text is named t."""
_told = json.loads(Path(__file__).with_name("crash.json").read_text())
FULL = bytes.fromhex(_told["full"])
BAD = bytes.fromhex(_told["bad"])
