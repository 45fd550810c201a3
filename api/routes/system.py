"""Whether the service lives and is ready, and its figures."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from api.access.roles import Permission
from api.core import core_of
from api.input import json_response
from api.metrics import CONTENT_TYPE
from api.routing import Router
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
    summary="Whether everything needed is there",
    response_model=ReadyBody,
    responses={503: {"model": ReadyBody, "description": "Something is missing."}},
)
async def ready(request: Request) -> Response:
    """Whether everything needed is there."""
    parts = await core_of(request).ledgers.ready()
    good = all(value is True for value in parts.values())
    return json_response({"ready": good, "parts": parts}, 200 if good else 503, None if good else {"Retry-After": "1"})


@router.get(
    "/metrics",
    permission=Permission.METRICS_READ,
    summary="Figures for Prometheus",
    response_class=Response,
    responses={
        200: {"description": "Prometheus' text format.", "content": {"text/plain": {"schema": {"type": "string"}}}}
    },
)
async def metrics(request: Request) -> Response:
    """Figures for Prometheus."""
    return Response(core_of(request).metrics.text(), media_type=None, headers={"Content-Type": CONTENT_TYPE})
