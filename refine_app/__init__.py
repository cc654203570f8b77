"""What agents do: models, tools, diffs, proposals, safety and cost."""
