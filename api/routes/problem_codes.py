"""Every problem code with its words: refused lines, jobs and attempts name theirs by the code alone. Open to all."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from pydantic import BaseModel, Field
from starlette.responses import Response

from api.access.roles import Permission
from api.input import list_response
from api.routing import Router
from api.schemas import Page
from ledger.domain.problem_words import problem_words

router = Router(tags=["system"])


class ProblemCodeBody(BaseModel):
    """What a code means (`title`) and what to do next (`advice`), in both languages."""

    code: str = Field(examples=["CUSTOMER_UNKNOWN"])
    title: dict[str, str] = Field(examples=[{"zh": "没有这个客户", "en": "There is no such customer"}])
    advice: dict[str, str] = Field(
        examples=[
            {"zh": "核对客户编号；新客户请先登记。", "en": "Check the id; register a new customer first."}
        ]
    )


@router.get(
    "/schemas/problems",
    permission=Permission.PUBLIC,
    response_model=Page[ProblemCodeBody],
    summary="Every problem code, what it means and what to do",
)
async def problem_codes_list() -> Response:
    """Every problem code, what it means and what to do."""
    return list_response(_told())


@lru_cache(maxsize=1)
def _told() -> list[dict[str, Any]]:
    return [
        {
            "code": code,
            "title": {language: said.title for language, said in words.items()},
            "advice": {language: said.advice for language, said in words.items()},
        }
        for code, words in problem_words().items()
    ]
