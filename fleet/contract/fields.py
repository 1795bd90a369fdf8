"""What messages are made of: the types of their fields, and the strict object they all are.

Strict: no coercion, no unknown field, no null, no NaN.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import BaseModel, ConfigDict, Field, GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from fleet.contract import limits, patterns
from fleet.contract.vocabulary import AlertCode, Check, MessageKind, Plane

T = TypeVar("T")


class _NotNull:
    """A field may be absent but never null: `None` stands for absence in Python only."""

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        schema = handler(source)
        return schema["schema"] if schema["type"] == "nullable" else schema


class Extensible:
    """A vocabulary that a deployment's ADR may extend; `name` is the word used in its `adds:`."""

    def __init__(self, name: str, words: tuple[str, ...]) -> None:
        self.name = name
        self.words = words

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        return core_schema.literal_schema(list(self.words))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> JsonSchemaValue:
        return {"type": "string", "enum": list(self.words), "x-vocabulary": self.name}


Maybe = Annotated[T | None, _NotNull()]

Timestamp = Annotated[str, Field(pattern=patterns.anchored(patterns.TIMESTAMP))]
Version = Annotated[str, Field(pattern=patterns.anchored(patterns.VERSION))]
Digest = Annotated[str, Field(pattern=patterns.anchored(patterns.DIGEST))]
Ulid = Annotated[str, Field(pattern=patterns.anchored(patterns.ULID))]
Signature = Annotated[str, Field(pattern=patterns.anchored(patterns.SIGNATURE))]
KeyId = Annotated[str, Field(pattern=patterns.anchored(patterns.KEY_ID))]
MetricName = Annotated[str, Field(pattern=patterns.anchored(patterns.METRIC))]
Counter = Annotated[int, Field(ge=0, le=limits.MAX_INTEGER)]
Quantity = Annotated[float, Field(ge=-limits.MAX_INTEGER, le=limits.MAX_INTEGER)]
Uptime = Annotated[float, Field(ge=0, le=limits.MAX_UPTIME)]
Interval = Annotated[float, Field(ge=limits.MIN_INTERVAL, le=limits.MAX_INTERVAL)]
Epoch = Annotated[int, Field(ge=0, le=limits.MAX_EPOCH)]
PairName = Annotated[str, Field(pattern=patterns.anchored(patterns.AGENT))]
Attempt = Annotated[int, Field(ge=1, le=limits.MAX_ATTEMPTS)]
Percent = Annotated[int, Field(ge=0, le=100)]
TimeToLive = Annotated[int, Field(ge=1, le=limits.MAX_TTL)]
Duration = Annotated[float, Field(ge=0, le=limits.MAX_TTL)]
PlaneName = Annotated[str, Extensible("planes", tuple(Plane))]
Code = Annotated[str, Extensible("alert_codes", tuple(AlertCode))]
Checks = dict[PlaneName, Check]
Codes = Annotated[list[Code], Field(max_length=limits.MAX_ALERTS)]
Metrics = Annotated[dict[MetricName, Quantity], Field(max_length=limits.MAX_METRICS)]


class Shape(BaseModel):
    """One JSON object of the contract, frozen."""

    model_config = ConfigDict(
        strict=True, extra="forbid", frozen=True, allow_inf_nan=False, hide_input_in_errors=True
    )


class Message(Shape):
    """A whole payload; it knows its kind, and so its topic."""

    kind_of_message: ClassVar[MessageKind]
    examples: ClassVar[tuple[dict[str, Any], ...]] = ()

    def to_payload(self) -> bytes:
        """UTF-8 JSON without absent fields, as it travels."""
        return self.model_dump_json(exclude_none=True).encode()
