"""Errors over HTTP as problem+json (RFC 9457), with the remedy every error of ours has."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from starlette.responses import JSONResponse


class HttpProblem(Exception):
    """An HTTP error: what, why and what to try.

    Attributes:
        status: HTTP status code.
        extra: further members of the problem document, e.g. reason and field of a rejection.
    """

    def __init__(
        self,
        status: HTTPStatus,
        detail: str,
        remedy: str = "",
        *,
        headers: Mapping[str, str] | None = None,
        **extra: Any,
    ) -> None:
        self.status = status
        self.detail = detail
        self.remedy = remedy
        self.headers = headers
        self.extra = extra
        super().__init__(status, detail)

    def response(self) -> JSONResponse:
        body = {"type": "about:blank", "title": self.status.phrase, "status": self.status.value}
        body |= {"detail": self.detail} | self.extra
        if self.remedy:
            body["try"] = self.remedy
        return JSONResponse(
            body, self.status.value, headers=self.headers, media_type="application/problem+json"
        )
