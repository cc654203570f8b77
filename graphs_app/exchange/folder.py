"""A version as a folder that git likes, in a zip: each value on a line of its own, keys in order, texts as they are.

graph.json has the definition, prompts/NAME.md the texts of its prompts, tools.json what its tools promise with their
fingerprints, note.md what the version's author wrote of it, version.json its number and the rest of its snapshot. The
same version always makes the same bytes, and what is read back is the same version, snapshot and all.
"""

import io
import json
import re
import stat
import struct
import unicodedata
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote

from sessions_app import strict_json

Json = dict[str, Any]
ZIP = b"PK\x03\x04"
MOST_ENTRIES = 2000
MOST_BYTES = 20 * 1024 * 1024
MOST_RATIO = 100
"""How often larger than its part of the zip a file may be."""
EARLIEST = (1980, 1, 1, 0, 0, 0)
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
"""What git's and everybody's tools write. LZMA would take the memory that the file asks for."""
CANNOT_BE_READ = (
    *(zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError),
    *(zlib.error, struct.error, ValueError),
)
"""What zipfile lets through of a broken zip besides its own error."""
DEVICES = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)
GRAPH, VERSION, TOOLS, NOTE, PROMPTS = "graph.json", "version.json", "tools.json", "note.md", "prompts/"


class NotAFolder(ValueError):
    """Raised when a zip is no folder of a version, or is not to be opened."""


@dataclass(frozen=True, slots=True)
class Kept:
    """A version as it lies in a folder."""

    definition: Json
    snapshot: Json
    """Empty where the folder has only the graph."""
    semver: str = ""
    title: str = ""
    note: str = ""


def files_of(kept: Kept) -> dict[str, str]:
    """The folder's files, by name."""
    snapshot = dict(kept.snapshot)
    snapshot.pop("definition", None)
    tools = snapshot.pop("tools", {})
    prompts: dict[str, Json] = snapshot.pop("prompts", {})
    facts = {name: {key: one for key, one in prompt.items() if key != "content"} for name, prompt in prompts.items()}
    texts = {f"{PROMPTS}{quote(name, safe='')}.md": str(prompt["content"]) for name, prompt in prompts.items()}
    about = {"semver": kept.semver, "title": kept.title, "prompts": facts, "snapshot": snapshot}
    files = {GRAPH: written(kept.definition), VERSION: written(about), TOOLS: written(tools), NOTE: kept.note, **texts}
    return dict(sorted(files.items()))


def written(value: object) -> str:
    """JSON whose lines stay the same where its values do."""
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def zip_of(files: Mapping[str, str], folder: str) -> bytes:
    """The files in a folder, as a zip; the same bytes for the same files."""
    target = io.BytesIO()
    with zipfile.ZipFile(target, "w") as archive:
        for name, text in files.items():
            entry = zipfile.ZipInfo(f"{folder}/{name}", EARLIEST)
            entry.external_attr = (stat.S_IFREG | 0o644) << 16
            archive.writestr(entry, text.encode(), zipfile.ZIP_DEFLATED, 9)
    return target.getvalue()


def read_folder(content: bytes) -> Kept:
    """The version in a zip. Raises NotAFolder, before anything is unpacked where the zip is not to be trusted."""
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            files = _texts(archive, _trusted(archive.infolist()))
    except NotAFolder:
        raise
    except CANNOT_BE_READ as error:
        raise NotAFolder(f"The zip cannot be read: {error}.") from error
    if GRAPH not in files:
        raise NotAFolder(f"The zip has no {GRAPH}; expected the files of a version, as they are exported for git.")
    definition = _json(files, GRAPH)
    about = _json(files, VERSION) if VERSION in files else {}
    return Kept(
        definition=definition,
        snapshot=_snapshot(definition, about, files),
        semver=str(about.get("semver") or ""),
        title=str(about.get("title") or ""),
        note=files.get(NOTE, ""),
    )


def _snapshot(definition: Json, about: Json, files: Mapping[str, str]) -> Json:
    rest, facts = about.get("snapshot"), about.get("prompts")
    if not isinstance(rest, dict) or not rest:
        return {}
    prompts = {
        unquote(name.removeprefix(PROMPTS).removesuffix(".md")): text
        for name, text in files.items()
        if name.startswith(PROMPTS) and name.endswith(".md")
    }
    known = facts if isinstance(facts, dict) else {}
    texts = {
        name: {**known[name], "content": text} for name, text in prompts.items() if isinstance(known.get(name), dict)
    }
    tools = _json(files, TOOLS) if TOOLS in files else {}
    return {**rest, "definition": definition, "tools": tools, **({"prompts": texts} if "prompts" in about else {})}


def _json(files: Mapping[str, str], name: str) -> Json:
    try:
        value = strict_json.loads(files[name])
    except strict_json.JsonRefused as error:
        raise NotAFolder(f"{name} cannot be taken: {error}.") from error
    if not isinstance(value, dict):
        raise NotAFolder(f"{name} is no JSON object.")
    return value


def _trusted(entries: list[zipfile.ZipInfo]) -> list[zipfile.ZipInfo]:
    """The entries, after a look at what each says of itself: names, sizes, kinds."""
    if len(entries) > MOST_ENTRIES:
        raise NotAFolder(f"The zip has {len(entries)} entries; at most {MOST_ENTRIES} are read.")
    if sum(entry.file_size for entry in entries) > MOST_BYTES:
        raise NotAFolder(f"The zip holds more than {MOST_BYTES // 1024 // 1024} MB.")
    names = set[str]()
    for entry in entries:
        fault = _fault(entry)
        if fault:
            raise NotAFolder(f"The zip is not opened: {entry.filename[:100]!r} {fault}.")
        name = unicodedata.normalize("NFC", entry.filename).casefold()
        if name in names:
            raise NotAFolder(f"The zip is not opened: {entry.filename[:100]!r} is in it twice.")
        names.add(name)
    return [entry for entry in entries if not entry.is_dir()]


def _fault(entry: zipfile.ZipInfo) -> str:
    parts = entry.filename.rstrip("/").split("/")
    kind = stat.S_IFMT(entry.external_attr >> 16)
    if entry.filename.startswith("/") or "\\" in entry.orig_filename or ":" in entry.filename or ".." in parts:
        return "leads out of its folder"
    if "" in parts or "." in parts or "\0" in entry.orig_filename or any(DEVICES.match(part) for part in parts):
        return "is no name for a file"
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        return "is no ordinary file"
    if entry.flag_bits & 1:
        return "is encrypted"
    if entry.compress_type not in METHODS:
        return "is compressed in another way than by deflate"
    if entry.file_size > MOST_RATIO * max(entry.compress_size, 1024):
        return f"is more than {MOST_RATIO} times as large as its part of the zip"
    return ""


def _texts(archive: zipfile.ZipFile, entries: list[zipfile.ZipInfo]) -> dict[str, str]:
    """By their names in the folder, whatever the folder is called; what is no file of ours is not read."""
    roots = {entry.filename.removesuffix(GRAPH) for entry in entries if entry.filename.split("/")[-1] == GRAPH}
    if len(roots) > 1:
        raise NotAFolder(f"The zip has more than one {GRAPH}; import the folder of one graph.")
    root = roots.pop() if roots else ""
    found = {}
    for entry in entries:
        name = entry.filename.removeprefix(root)
        is_ours = name in (GRAPH, VERSION, TOOLS, NOTE) or (name.startswith(PROMPTS) and name.endswith(".md"))
        if is_ours and entry.filename.startswith(root):
            try:
                # It may lie about its size: not more is unpacked than it said.
                with archive.open(entry) as source:
                    found[name] = source.read(entry.file_size + 1).decode()
            except UnicodeDecodeError as error:
                raise NotAFolder(f"{name} is not UTF-8 text.") from error
    return found
