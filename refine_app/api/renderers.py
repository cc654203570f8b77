"""A patch as a file; errors of the same view stay JSON."""

import json
from collections.abc import Mapping
from typing import Any

from rest_framework.renderers import BaseRenderer


class PatchRenderer(BaseRenderer):
    """Renders a view's string as it is, byte for byte in UTF-8."""

    media_type = "text/x-patch"
    format = "patch"
    charset = "utf-8"

    def render(
        self,
        data: Any,
        accepted_media_type: str | None = None,
        renderer_context: Mapping[str, Any] | None = None,
    ) -> bytes:
        return (data if isinstance(data, str) else json.dumps(data)).encode()
