"""What OPTIONS answers: which methods there are. Fields are in the schema of the API, the one place to keep true."""

from typing import TYPE_CHECKING, Any

from rest_framework.metadata import BaseMetadata
from rest_framework.request import Request

if TYPE_CHECKING:
    from rest_framework.views import APIView  # which asks for this module while it is imported


class Methods(BaseMetadata):
    """For every view, also those of libraries that know their serializer only once they have a body."""

    def determine_metadata(self, request: Request, view: "APIView") -> dict[str, Any]:
        return {"methods": view.allowed_methods}
