"""A small file of each kind that is no programming language."""

import json
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
MAKEFILE = (ROOT / "Makefile").read_text()
PYPROJECT = (ROOT / "pyproject.toml").read_text()
SMALL_MAKEFILE = (
    "CC ?= cc\n\nall: a.o\n\t$(CC) -o all a.o\n\nifdef DEBUG\n    CFLAGS += -g\nendif\n\nclean:\n\trm -f a.o\n"
)
DOCKERFILE = (
    "# syntax=docker/dockerfile:1\nFROM python:3.12-slim AS build\nWORKDIR /app\nCOPY --link requirements.txt .\n"
    'RUN pip install \\\n    # quietly\n    -q -r requirements.txt\nEXPOSE 8000/tcp\nCMD ["python", "app.py"]\n'
)
COMPOSE = (
    "x-base: &base\n  restart: always\n  environment: &env\n    TZ: UTC\n"
    "services:\n  web:\n    <<: *base\n    image: web\n  worker:\n    <<: *base\n"
    "    image: worker\n    environment: *env\n"
)
SQL = (
    "CREATE TABLE people (\n    id bigserial PRIMARY KEY,\n    name text NOT NULL\n);\n\n"
    "SELECT p.name, count(*) FROM people AS p GROUP BY p.name HAVING count(*) > 1;\n"
)
INI = "[metadata]\nname = sample\nversion = 1.0\n\n[options]\npackages = find:\nrequires =\n    requests\n    attrs\n"
UNIT = "[Unit]\nDescription=Site\n\n[Service]\nExecStartPre=/bin/a\nExecStartPre=/bin/b\nExecStart=/bin/site\n"
XML = '<?xml version="1.0"?>\n<project>\n  <name>site</name>\n  <port>80</port>\n</project>\n'
JSON = '{\n  "name": "site",\n  "scripts": {\n    "test": "pytest"\n  }\n}\n'
JSON_WITH_COMMENTS = '{\n  // how wide\n  "editor.tabSize": 4,\n  "files.exclude": {},\n}\n'
NOTEBOOK = json.dumps(
    {
        "cells": [
            {"cell_type": "markdown", "metadata": {}, "source": ["# Sums"]},
            {"cell_type": "code", "execution_count": 1, "metadata": {}, "outputs": [], "source": ["a = 1\n", "a + 1"]},
        ],
        "metadata": {"kernelspec": {"name": "python3"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    },
    indent=1,
)
PYTHON = "import os\n\nprint(os.getcwd())\n"
