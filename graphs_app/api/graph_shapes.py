"""The shapes of drafts, comparisons, layouts and imports over HTTP, in and out."""

from typing import Any

from rest_framework import serializers

from graphs_app.api.serializers import DrawnEdge, FaultShape, LayoutShape, PlacedNode

VERSION: dict[str, Any] = {"min_value": 1, "max_value": 2**31 - 1}
NOTE_MAX, TITLE_MAX, IMPORT_MAX = 10_000, 200, 4 * 1024 * 1024


class DraftShape(serializers.Serializer[Any]):
    definition = serializers.DictField(help_text="The draft, else the current version.")
    is_draft = serializers.BooleanField()
    revision = serializers.IntegerField()
    base_version = serializers.IntegerField()
    suggested_semver = serializers.CharField(allow_null=True, help_text="The number it would be published under.")
    problems = FaultShape(many=True)
    updated_at = serializers.DateTimeField(allow_null=True)
    updated_by = serializers.CharField(allow_null=True)


class TogetherShape(serializers.Serializer[Any]):
    session = serializers.UUIDField()


class EdgeChangesShape(serializers.Serializer[Any]):
    changed = serializers.ListField(child=serializers.DictField())
    removed = serializers.ListField(child=serializers.DictField())


class LayoutChangesShape(serializers.Serializer[Any]):
    moved = PlacedNode(many=True)
    added = PlacedNode(many=True)
    removed = serializers.ListField(child=serializers.CharField())
    edges = EdgeChangesShape()


class PlannedLayoutShape(LayoutShape):
    version = serializers.IntegerField(allow_null=True)
    changes = LayoutChangesShape(allow_null=True, help_text="What differs from the previous layout.")


class DifferenceShape(serializers.Serializer[Any]):
    pointer = serializers.CharField()
    old = serializers.JSONField(allow_null=True)
    new = serializers.JSONField(allow_null=True)


class ChangedNodeShape(serializers.Serializer[Any]):
    node_id = serializers.CharField()
    differences = DifferenceShape(many=True)


class ChangedEdgeShape(serializers.Serializer[Any]):
    from_node = serializers.CharField()
    to_node = serializers.CharField()
    n = serializers.IntegerField(help_text="Which of the edges between the two.")
    condition = serializers.CharField(allow_null=True)
    differences = DifferenceShape(many=True)


class ComparisonShape(serializers.Serializer[Any]):
    same = serializers.BooleanField()
    bump = serializers.ChoiceField(choices=("major", "minor", "patch"))
    nodes_added = serializers.ListField(child=serializers.CharField())
    nodes_removed = serializers.ListField(child=serializers.CharField())
    nodes_changed = ChangedNodeShape(many=True)
    nodes_moved = serializers.ListField(child=serializers.CharField())
    edges_added = ChangedEdgeShape(many=True)
    edges_removed = ChangedEdgeShape(many=True)
    edges_changed = ChangedEdgeShape(many=True)
    graph = DifferenceShape(many=True)
    definition = serializers.DictField(help_text="Both in one: the new with what was removed from the old.")
    layout = LayoutShape(help_text="Where both in one are drawn.")


class ToolShape(serializers.Serializer[Any]):
    name = serializers.CharField()
    description = serializers.CharField()
    inputs = serializers.DictField()
    outputs = serializers.DictField()
    config = serializers.DictField()
    effects = serializers.BooleanField()


class ToolListShape(serializers.Serializer[Any]):
    """All of them: there is one page."""

    results = ToolShape(many=True)
    next = serializers.CharField(allow_null=True)
    previous = serializers.CharField(allow_null=True)


# What is asked -------------------------------------------------------------------------------------


class DraftAsked(serializers.Serializer[Any]):
    definition = serializers.JSONField()
    revision = serializers.IntegerField(required=False, allow_null=True, default=None, min_value=0)


class PublishAsked(serializers.Serializer[Any]):
    number = serializers.CharField(required=False, allow_null=True, default=None, max_length=100)
    note = serializers.CharField(required=False, allow_blank=True, default="", max_length=NOTE_MAX)
    title = serializers.CharField(required=False, allow_blank=True, default="", max_length=TITLE_MAX)
    revision = serializers.IntegerField(required=False, allow_null=True, default=None, min_value=0)


class NamingAsked(serializers.Serializer[Any]):
    title = serializers.CharField(required=False, allow_blank=True, default=None, max_length=TITLE_MAX)
    note = serializers.CharField(required=False, allow_blank=True, default=None, max_length=NOTE_MAX)


class RollbackAsked(serializers.Serializer[Any]):
    version = serializers.IntegerField(required=False, allow_null=True, default=None, **VERSION)
    snapshot_id = serializers.CharField(
        required=False,
        allow_null=True,
        default=None,
        max_length=64,
        help_text="A version's snapshot_id, in the place of its number.",
    )
    note = serializers.CharField(required=False, allow_blank=True, default="", max_length=NOTE_MAX)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs["version"] is not None and attrs["snapshot_id"] is not None:
            raise serializers.ValidationError({"snapshot_id": "Name a version or a snapshot, not both."})
        return attrs


class VersionAsked(serializers.Serializer[Any]):
    version = serializers.IntegerField(**VERSION)


class VersionFilter(serializers.Serializer[Any]):
    version = serializers.IntegerField(required=False, allow_null=True, default=None, **VERSION)


class CompareAsked(serializers.Serializer[Any]):
    old = serializers.IntegerField(**VERSION)
    new = serializers.IntegerField(
        required=False, allow_null=True, default=None, help_text="The draft when left out.", **VERSION
    )


class PreviousAsked(serializers.Serializer[Any]):
    """A layout as it was given, whole or without what is not needed of it."""

    nodes = PlacedNode(many=True)
    edges = DrawnEdge(many=True)
    version = serializers.IntegerField(required=False, allow_null=True, **VERSION)
    changes = serializers.JSONField(required=False, allow_null=True)
    api_version = serializers.CharField(required=False, max_length=10)


class LayoutAsked(serializers.Serializer[Any]):
    definition = serializers.DictField()
    previous = PreviousAsked(required=False, allow_null=True, default=None)


class _ExportAsked(VersionFilter):
    theme = serializers.ChoiceField(choices=("light", "dark"), required=False, default="light")


FORMS = ("svg", "png", "mermaid", "json", "python", "langgraph", "files")
# "format" is how a query chooses between DRF's renderers, and "as" no name that a class body allows.
ExportAsked = type(
    "ExportAsked", (_ExportAsked,), {"as": serializers.ChoiceField(choices=FORMS, required=False, default="json")}
)


class ImportAsked(serializers.Serializer[Any]):
    text = serializers.CharField(required=False, max_length=IMPORT_MAX, trim_whitespace=False)
    zip = serializers.CharField(
        required=False, max_length=IMPORT_MAX, help_text="In its place, a version's files for git: a zip, in base64."
    )
    name = serializers.CharField(required=False, allow_blank=True, default="", max_length=200)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if ("text" in attrs) == ("zip" in attrs):
            raise serializers.ValidationError("Give either text or zip.", code="required")
        return attrs
