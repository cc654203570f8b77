"""Each instruction that the README and the pages suggest, on files as people have them: what rules make passes."""

import asyncio
from dataclasses import dataclass

import pytest

from refine_app.model_clients.builtin import BuiltinClient
from refine_app.model_clients.client import Subject
from refine_app.samples import SAMPLES
from refine_app.tools.validation import check_text
from refine_app.views import EXAMPLES

README_S = "Add type hints"
SUGGESTED = (
    README_S,
    *(sample.instruction for sample in SAMPLES),
    *(example["instruction"] for example in EXAMPLES),
    "Improve this code",
)
FILES = {
    "typing": (
        "from typing import Dict, List, Optional, Union\n\n\n"
        "def total(prices: List[float], by: Dict[str, float], tax: Optional[float] = None) -> Union[float, int]:\n"
        "    return sum(prices) + sum(by.values()) + (tax or 0)\n"
    ),
    "typing in one line with what is used": (
        "import typing\nfrom typing import Any, List  # noqa: F401\n\n\ndef first(many: List[int]) -> typing.Any:\n"
        "    return many[0]\n"
    ),
    "imports for others": "from typing import List\nfrom os.path import join, split\n\nnames: List[str] = []\n",
    "old versions": (
        "import sys\nfrom sys import version_info\n\nif version_info >= (3, 5):\n    import asyncio\nelse:\n"
        "    asyncio = None\n\nif sys.version_info[0] < 3:\n    text = unicode\nelse:\n    text = str\n\n"
        "print(asyncio, text)\n"
    ),
    "six": (
        "from __future__ import unicode_literals\nimport six\n\n\nclass Shape(object):\n    def __init__(self):\n"
        "        super(Shape, self).__init__()\n        self.name = six.text_type('x')\n"
    ),
    "io": (
        "import io\nimport codecs\n\n\ndef read(path):\n    with io.open(path, 'r') as file:\n"
        "        return file.read()\n"
    ),
    "named tuples": (
        "from collections import namedtuple\nfrom typing import NamedTuple, TypedDict\n\n"
        "Point = NamedTuple('Point', [('x', int), ('y', int)])\nKnown = TypedDict('Known', {'a': int})\n"
        "Pair = namedtuple('Pair', 'a b')\n"
    ),
    "exceptions": (
        "import socket\n\n\ndef ask(host):\n    try:\n        return socket.create_connection((host, 80))\n"
        "    except socket.timeout as error:\n        raise IOError('late')\n    except:\n        pass\n"
    ),
    "star": (
        "from os.path import *\nfrom typing import List\n\n\ndef f(x: List[str]):\n    return [join(a) for a in x]\n"
    ),
    "optional import": (
        "try:\n    import ujson as json\nexcept ImportError:\n    json = None\nfrom typing import Optional\n\n"
        "cache: Optional[dict] = {}\n"
    ),
}
NAMED = [*FILES.items(), *((sample.slug, sample.text) for sample in SAMPLES)]


@dataclass(frozen=True)
class Done:
    """What the rules made of a text under one instruction."""

    instruction: str
    new_text: str
    failed: list[str]


async def refine(code: str, instruction: str) -> Done:
    refined = await BuiltinClient().refine(Subject(code, "python", instruction))
    checks = await check_text(code, refined.text, "python", instruction=instruction)
    failed = [f"{check['name']}: {check['detail']}" for check in checks if check["verdict"] == "failed"]
    return Done(instruction, refined.text, failed)


@pytest.mark.parametrize(("name", "code"), NAMED, ids=[name for name, _ in NAMED])
async def test_what_the_rules_make_of_a_suggested_instruction_passes_the_checks(name: str, code: str) -> None:
    done = await asyncio.gather(*(refine(code, instruction) for instruction in SUGGESTED))
    assert {one.instruction: one.failed for one in done if one.failed} == {}


async def test_imports_that_a_fix_left_unused_go_and_those_unused_before_stay() -> None:
    done = await refine(FILES["imports for others"], README_S)
    assert done.new_text == "from os.path import join, split\n\nnames: list[str] = []\n"
