"""A client that talks to an app in this process, with a key for each role."""

from __future__ import annotations

from types import TracebackType
from typing import Any, Self

import anyio.from_thread
import httpx
from fastapi import FastAPI

from api.access.keys import AccessStore
from api.access.roles import Role
from tests.integration.api.declared import Declared


class Api:
    """Sends requests through ASGI on one event loop of its own, and holds every answer against what the app declares.
    `keys` are the secrets by role."""

    def __init__(self, app: FastAPI, access: AccessStore) -> None:
        self.app = app
        self.access = access
        self._declared = Declared(app)
        self.keys: dict[str, str] = {}
        for role in Role:
            bound: dict[str, Any] = {}
            if role is Role.CUSTOMER:
                bound = {"customer": "C-000001", "ledger": "main"}
            elif role is Role.STAFF:
                bound = {"staff": "S-000001", "ledger": "main"}
            self.keys[role] = access.key_create(f"{role}-person", role, **bound)[1]
        self._portal_context = anyio.from_thread.start_blocking_portal()

    def __enter__(self) -> Self:
        self._portal = self._portal_context.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._portal_context.__exit__(kind, error, trace)

    def send(self, method: str, path: str, *, key: str | None = "admin", **more: Any) -> httpx.Response:
        """One request with the key of a role, a secret, or none."""
        headers = httpx.Headers(more.pop("headers", {}))
        if key is not None:
            headers.setdefault("Authorization", f"Bearer {self.keys.get(key, key)}")

        async def run() -> httpx.Response:
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
                return await client.request(method, path, headers=headers, **more)

        answer = self._portal.call(run)
        self._declared.check(answer)
        return answer

    def get(self, path: str, **more: Any) -> httpx.Response:
        """GET."""
        return self.send("GET", path, **more)

    def post(self, path: str, **more: Any) -> httpx.Response:
        """POST."""
        return self.send("POST", path, **more)
