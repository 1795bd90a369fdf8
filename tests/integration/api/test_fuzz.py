"""The HTTP interface fuzzed from its own OpenAPI document: nothing it is sent breaks it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.served import Served

schemathesis = pytest.importorskip("schemathesis", reason="schemathesis is not installed")
pytestmark = pytest.mark.filterwarnings("ignore")

ROUTES = [
    ("GET", "/v1/agents/{name}"),
    ("GET", "/v1/history"),
    ("GET", "/v1/inbox"),
    ("GET", "/v1/alerts"),
    ("POST", "/v1/send"),
    ("POST", "/v1/ack"),
    ("POST", "/v1/alerts/ack"),
    ("POST", "/v1/silences"),
    ("POST", "/v1/verified"),
    ("POST", "/v1/session"),
    ("DELETE", "/v1/silences/{silence_id}"),
    ("POST", "/v1/publish/{kind}"),
]


@pytest.mark.parametrize(("method", "path"), ROUTES)
def test_no_request_breaks_a_route(hub: Served, method: str, path: str) -> None:
    document = schemathesis.openapi.from_url(f"{hub.url}/v1/openapi.json")
    operation = document[path][method]
    role = "agent:ada" if "publish" in path else "admin"

    @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    @given(data=st.data())
    def fuzz(data: st.DataObject) -> None:
        case: Any = data.draw(operation.as_strategy())
        headers = {"Authorization": f"Bearer {hub.tokens[role]}"}
        response = case.call(base_url=hub.url, headers=headers)
        assert response.status_code < 500, response.text
        if response.status_code >= 400:
            # 429 is an answer too; whatever is refused is refused in one shape.
            assert "problem+json" in str(response.headers.get("content-type")), response.headers

    fuzz()


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(payload=st.binary(max_size=300))
def test_no_payload_breaks_publishing(hub: Served, payload: bytes) -> None:
    status, _, _ = hub.ask("POST", "/v1/publish/heartbeat", "agent:ada", payload)
    assert status in (202, 422, 429)
