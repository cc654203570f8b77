"""REST over the files that a run wrote: their list, one as text, and all as a zip."""

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote
from uuid import UUID

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from graphs_app.exchange.folder import zip_of
from graphs_app.models import TERMINAL, Run, RunStatus
from graphs_app.selectors import run_for
from refine_app.run_files import RunFile, files_of
from sessions_app.api.base import ApiView, caller, counted
from sessions_app.errors import NotFound
from sessions_app.limits import policies


class RunFileShape(serializers.Serializer[Any]):
    n = serializers.IntegerField(help_text="Its place in the run's `state.files`, from 1.")
    path = serializers.CharField(help_text="Relative, and safe to unpack; `file-N.txt` where what was written is not.")
    language = serializers.CharField()
    size = serializers.IntegerField(help_text="Bytes.")
    delivered = serializers.BooleanField(help_text="Whether it is the one that was proposed for the document.")


class RunFilesShape(serializers.Serializer[Any]):
    results = RunFileShape(many=True)


class RunFiles(ApiView):
    @extend_schema(
        operation_id="v1_runs_files_list",
        responses=RunFilesShape,
        summary="The files that a run wrote, such as those of a build",
    )
    def get(self, request: Request, run_id: UUID) -> Response:
        _, files = _files(request, run_id)
        return Response({"results": RunFileShape(files, many=True).data})


class RunFileText(ApiView):
    @extend_schema(responses={(200, "text/plain"): OpenApiTypes.STR}, summary="One file that a run wrote, as it is")
    def get(self, request: Request, run_id: UUID, n: int) -> HttpResponse:
        _, files = _files(request, run_id)
        file = next((one for one in files if one.n == n), None)
        if file is None:
            raise NotFound("file", n)
        return _download(file.content, "text/plain; charset=utf-8", file.name)


@counted(GET=policies.COMPUTING)
class RunArchive(ApiView):
    @extend_schema(responses={(200, "application/zip"): OpenApiTypes.BINARY}, summary="All files of a run, as a zip")
    def get(self, request: Request, run_id: UUID) -> HttpResponse:
        run, files = _files(request, run_id)
        if not files:
            raise NotFound("archive of run", run.pk)
        folder = f"{run.graph_version.graph.slug}-{run.pk.hex[-8:]}"
        content = zip_of({file.path: file.content.decode() for file in files}, folder)
        return _download(content, "application/zip", f"{folder}.zip")


def _files(request: Request, run_id: UUID) -> tuple[Run, Sequence[RunFile]]:
    """As its state: none are told before the run has ended or waits for a person."""
    run = run_for(caller(request), run_id)
    is_told = run.status in (*TERMINAL, RunStatus.INTERRUPTED)
    return run, files_of(run.state or {}) if is_told else []


def _download(content: bytes, kind: str, name: str) -> HttpResponse:
    """Never shown by a browser as a page of this site: what is in a file is other people's."""
    headers = {
        "Content-Disposition": f"attachment; filename*=UTF-8''{quote(name)}",
        "X-Content-Type-Options": "nosniff",
    }
    return HttpResponse(content, content_type=kind, headers=headers)
