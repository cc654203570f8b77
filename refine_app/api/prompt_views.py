"""REST over the registry of prompts."""

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from refine_app.errors import PromptInvalid
from refine_app.models import Prompt, PromptVersion
from refine_app.prompts.rendering import PromptError, PromptText
from refine_app.services import prompts
from sessions_app.api.base import ApiView, caller, counted
from sessions_app.api.pagination import NewestFirst
from sessions_app.api.serializers import UserShape
from sessions_app.api.views import read
from sessions_app.limits import policies


class PromptAsked(serializers.Serializer[Any]):
    name = serializers.SlugField(max_length=80)
    description = serializers.CharField(required=False, allow_blank=True, default="", max_length=2000)


class PromptShape(serializers.ModelSerializer[Prompt]):
    labels = serializers.SerializerMethodField()
    latest = serializers.SerializerMethodField()

    class Meta:
        model = Prompt
        fields = ("id", "name", "description", "built_in", "labels", "latest", "created_at")
        read_only_fields = fields

    def get_labels(self, prompt: Prompt) -> dict[str, str]:
        found = {label: prompts.labelled(prompt.name, label) for label in prompts.LABELS}
        return {label: version.number for label, version in found.items() if version is not None}

    def get_latest(self, prompt: Prompt) -> str | None:
        newest = prompt.versions.first()
        return None if newest is None else newest.number


class PromptVersionShape(serializers.ModelSerializer[PromptVersion]):
    version = serializers.CharField(source="number", read_only=True)
    prompt = serializers.CharField(source="prompt.name", read_only=True)
    by = UserShape(source="created_by", read_only=True, allow_null=True)

    class Meta:
        model = PromptVersion
        fields = ("id", "prompt", "version", "content", "variables", "metadata", "built_in", "by", "created_at")
        read_only_fields = fields


class PromptVersionAsked(serializers.Serializer[Any]):
    content = serializers.CharField(allow_blank=True, trim_whitespace=False, max_length=50_000)
    variables = serializers.DictField(child=serializers.DictField(), required=False, default=dict)
    metadata = serializers.DictField(required=False, default=dict)
    version = serializers.CharField(required=False, allow_blank=True, default="", max_length=20)
    bump = serializers.ChoiceField(choices=["major", "minor", "patch"], default="minor")


class LabelAsked(serializers.Serializer[Any]):
    label = serializers.CharField(  # type: ignore[assignment]  # a declared field, no attribute
        max_length=40, default=prompts.PRODUCTION
    )
    version = serializers.CharField(max_length=20)


class RollBackAsked(serializers.Serializer[Any]):
    label = serializers.CharField(  # type: ignore[assignment]  # a declared field, no attribute
        max_length=40, default=prompts.PRODUCTION
    )


class RenderAsked(serializers.Serializer[Any]):
    version = serializers.CharField(required=False, default=prompts.PRODUCTION, max_length=20)
    content = serializers.CharField(
        required=False, allow_null=True, default=None, trim_whitespace=False, max_length=50_000,
        help_text="A text to be tried that is no version yet.",
    )  # fmt: skip
    values = serializers.DictField(required=False, default=dict)


class RenderShape(serializers.Serializer[Any]):
    text = serializers.CharField()


class DiffShape(serializers.Serializer[Any]):
    diff = serializers.CharField()


class UseShape(serializers.Serializer[Any]):
    version = serializers.CharField()
    graph = serializers.CharField(allow_null=True)
    node_id = serializers.CharField()
    calls = serializers.IntegerField()
    last_at = serializers.DateTimeField()


class UsesShape(serializers.Serializer[Any]):
    results = UseShape(many=True)


class Prompts(ApiView):
    pagination_class = NewestFirst

    @extend_schema(responses=PromptShape(many=True), summary="The prompts")
    def get(self, request: Request) -> Response:
        page = self.paginate_queryset(Prompt.objects.order_by("-id")) or []
        return self.get_paginated_response(PromptShape(page, many=True).data)

    @extend_schema(request=PromptAsked, responses={201: PromptShape}, summary="Add a prompt")
    def post(self, request: Request) -> Response:
        made = prompts.create_prompt(user=caller(request), **read(PromptAsked, request.data))
        return Response(PromptShape(made).data, 201, headers={"Location": f"/v1/prompts/{made.name}"})


class PromptDetail(ApiView):
    @extend_schema(responses=PromptShape, summary="One prompt with its labels")
    def get(self, request: Request, name: str) -> Response:
        return Response(PromptShape(prompts.find_prompt(name)).data)


class PromptVersions(ApiView):
    pagination_class = NewestFirst

    @extend_schema(responses=PromptVersionShape(many=True), summary="A prompt's versions, newest first")
    def get(self, request: Request, name: str) -> Response:
        found = prompts.find_prompt(name).versions.select_related("prompt", "created_by").order_by("-id")
        return self.get_paginated_response(PromptVersionShape(self.paginate_queryset(found) or [], many=True).data)

    @extend_schema(request=PromptVersionAsked, responses={201: PromptVersionShape}, summary="Publish a version")
    def post(self, request: Request, name: str) -> Response:
        made = prompts.create_version(user=caller(request), name=name, **read(PromptVersionAsked, request.data))
        location = f"/v1/prompts/{name}/versions/{made.number}"
        return Response(PromptVersionShape(made).data, 201, headers={"Location": location})


class PromptVersionDetail(ApiView):
    @extend_schema(responses=PromptVersionShape, summary="One version, by its number or by a label")
    def get(self, request: Request, name: str, version: str) -> Response:
        return Response(PromptVersionShape(prompts.find_version(prompts.find_prompt(name), version)).data)


class PromptLabels(ApiView):
    @extend_schema(request=LabelAsked, responses=PromptShape, summary="Put a label on a version")
    def post(self, request: Request, name: str) -> Response:
        prompts.set_label(user=caller(request), name=name, **read(LabelAsked, request.data))
        return Response(PromptShape(prompts.find_prompt(name)).data)


class PromptRollBack(ApiView):
    @extend_schema(request=RollBackAsked, responses=PromptShape, summary="Put a label back to where it was before")
    def post(self, request: Request, name: str) -> Response:
        prompts.roll_back(user=caller(request), name=name, **read(RollBackAsked, request.data))
        return Response(PromptShape(prompts.find_prompt(name)).data)


@counted(GET=policies.COMPUTING)
class PromptDiff(ApiView):
    @extend_schema(
        parameters=[
            OpenApiParameter("from", str, required=True, description="A version or a label."),
            OpenApiParameter("to", str, required=True, description="A version or a label."),
        ],
        responses=DiffShape,
        summary="What changed between two versions",
    )
    def get(self, request: Request, name: str) -> Response:
        before, after = (request.query_params.get(key, "") for key in ("from", "to"))
        return Response({"diff": prompts.diff_of(name=name, before=before, after=after)})


class PromptUses(ApiView):
    @extend_schema(responses=UsesShape, summary="Where a prompt is used")
    def get(self, request: Request, name: str) -> Response:
        prompts.find_prompt(name)
        return Response(UsesShape({"results": prompts.uses_of(name=name)}).data)


@counted(POST=policies.PROBES)
class PromptRender(ApiView):
    @extend_schema(request=RenderAsked, responses=RenderShape, summary="Try a version, or a text, on values")
    def post(self, request: Request, name: str) -> Response:
        asked = read(RenderAsked, request.data)
        prompt = prompts.find_prompt(name)
        try:
            if asked["content"] is not None:
                kinds = {key: {"type": _kind_of(value)} for key, value in asked["values"].items()}
                text = PromptText(name, "draft", asked["content"], kinds).render(asked["values"])
            else:
                text = prompts.text_of(prompts.find_version(prompt, asked["version"])).render(asked["values"])
        except PromptError as error:
            raise PromptInvalid("values", str(error)) from error
        return Response({"text": text})


def _kind_of(value: Any) -> str:
    kinds = {bool: "boolean", int: "integer", float: "number", list: "list", dict: "object"}
    return kinds.get(type(value), "string")
