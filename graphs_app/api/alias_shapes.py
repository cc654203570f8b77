"""The shapes of the documents' own paths."""

from typing import Any

from rest_framework import serializers

from graphs_app.api.serializers import StateField


class ExecutionAsked(serializers.Serializer[Any]):
    graph_id = serializers.CharField(max_length=80)
    initial_state = StateField(required=False, default=dict)


class GraphIdShape(serializers.Serializer[Any]):
    id = serializers.UUIDField()


class RunIdShape(serializers.Serializer[Any]):
    run_id = serializers.UUIDField()


class LogShape(serializers.Serializer[Any]):
    node_id = serializers.CharField()
    status = serializers.CharField()
    attempt = serializers.IntegerField(help_text="From 1; 0 for a node that was skipped.")
    input = serializers.DictField(allow_null=True)
    output = serializers.DictField(allow_null=True)
    error = serializers.DictField(allow_null=True)
    timestamp = serializers.DateTimeField(allow_null=True)
    duration_ms = serializers.FloatField(allow_null=True)


class ResultShape(serializers.Serializer[Any]):
    state = serializers.DictField(allow_null=True)
    logs = LogShape(
        many=True,
        help_text="Every attempt of every node, from the first on; the input is null where it is too much.",
    )
    logs_left_out = serializers.IntegerField(help_text="How many more there are: page through the run's node runs.")
    execution_time = serializers.FloatField(allow_null=True, help_text="Milliseconds.")


class ExecutionShape(serializers.Serializer[Any]):
    run_id = serializers.UUIDField()
    status = serializers.CharField()
    result = ResultShape()
