"""What other programs are told of the event streams: the published schemas of events, and the AsyncAPI document."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final, Literal

from pydantic import BaseModel, Field, RootModel

from api.routes.facts import FactBody
from api.schemas import AnswerBody
from streams.asyncapi import asyncapi_document

_SCHEMA_REF: Final = "#/components/schemas/{model}"


class FactRefusedBody(BaseModel):
    """A fact that was not recorded. `again`: nothing is wrong with it, it could not be carried out now."""

    status: Literal["refused", "again"]
    code: str
    reason: str = Field(description="A sentence for people; says what to do.")
    field: str = Field(description="The field concerned; empty where it is none.")


class FactAnswerBody(RootModel[AnswerBody | FactRefusedBody]):
    """What became of a fact; of several in one message, a line each, with its number as `line`."""


@lru_cache(maxsize=1)
def asyncapi() -> dict[str, Any]:
    """The AsyncAPI document of every Plumbline. It is nobody's to change."""
    return asyncapi_document(
        FactBody.model_json_schema(ref_template=_SCHEMA_REF), FactAnswerBody.model_json_schema(ref_template=_SCHEMA_REF)
    )
