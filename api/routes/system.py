"""Whether the service lives and is ready, and its figures."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from api.access.roles import Permission
from api.core import PrincipalOf, core_of
from api.input import json_response
from api.metrics import CONTENT_TYPE
from api.routing import Router, principal_admit
from api.schemas import HealthBody, ReadyBody

router = Router(tags=["system"])


@router.get(
    "/health", permission=Permission.PUBLIC, summary="Whether the process answers", response_model=HealthBody
)
async def health() -> Response:
    """The process answers."""
    return json_response({"status": "ok"})


@router.get(
    "/ready",
    permission=Permission.PUBLIC,
    errors=("KEY_UNKNOWN", "RATE_EXCEEDED", "DATABASE_UNREACHABLE"),
    summary="Whether everything needed is there",
    description="With a key that may read ledgers, `parts` says of each part (of its ledgers) whether it is there or"
    " what is wrong; without one it is empty. Looked up at most once in a second.",
    response_model=ReadyBody,
    responses={503: {"model": ReadyBody, "description": "Something is missing."}},
)
async def ready(request: Request) -> Response:
    """Whether everything needed is there."""
    parts = await core_of(request).readiness.parts()
    good = all(value is True for value in parts.values())
    document = {"ready": good, "parts": await _shown(request, parts)}
    return json_response(document, 200 if good else 503, None if good else {"Retry-After": "1"})


async def _shown(request: Request, parts: dict[str, bool | str]) -> dict[str, bool | str]:
    """The parts that whoever asks may know of: those of a ledger are called `writer NAME`, `follower NAME` …"""
    if "authorization" not in request.headers:
        return {}
    principal = await principal_admit(request)
    if Permission.LEDGERS_READ not in principal.permissions:
        return {}
    named = {part: part.partition(" ")[2] for part in parts}
    may = principal.ledgers
    return {part: there for part, there in parts.items() if may is None or not named[part] or named[part] in may}


@router.get(
    "/metrics",
    permission=Permission.METRICS_READ,
    summary="Figures for Prometheus",
    description="Those that belong to a ledger only where the key is for it.",
    response_class=Response,
    responses={
        200: {
            "description": "Prometheus' text format.",
            "content": {
                "text/plain": {
                    "schema": {"type": "string"}, "example": 'plumbline_log_position{ledger="main"} 42.0\n',
                }
            },
        }
    },
)
async def metrics(request: Request, principal: PrincipalOf) -> Response:
    """Figures for Prometheus."""
    text = core_of(request).metrics.text(principal.ledgers)
    return Response(text, media_type=None, headers={"Content-Type": CONTENT_TYPE})
