"""The Python client of Plumbline's API.

`Ledger` says what to ask: each of its methods gives a `Call`. `Plumbline` (and `AsyncPlumbline` for asyncio) sends
calls, repeats them where that is safe, and gives back typed results: the classes of `plumbline_client.results`. Points
are integers of 1/100 point throughout.

    main = Ledger("main")
    with Plumbline("http://127.0.0.1:8700", key) as plumbline:
        answer = plumbline.send(main.record("login", "C-000001", "2026-11-24", source="app", external_id="login-1"))
        balance = plumbline.send(main.balance("C-000001"))
"""

from plumbline_client.aio import AsyncPlumbline
from plumbline_client.calls import Admin, JobKind, Ledger, fact
from plumbline_client.core import Call, Page, ReportPage
from plumbline_client.errors import AnswerInvalid, ApiError, ConnectionLost, DocumentInvalid, PlumblineClientError
from plumbline_client.forms import points_parse, points_text
from plumbline_client.sending import Retries
from plumbline_client.sync import Plumbline

__all__ = [
    "Admin",
    "AnswerInvalid",
    "ApiError",
    "AsyncPlumbline",
    "Call",
    "ConnectionLost",
    "DocumentInvalid",
    "JobKind",
    "Ledger",
    "Page",
    "Plumbline",
    "PlumblineClientError",
    "ReportPage",
    "Retries",
    "fact",
    "points_parse",
    "points_text",
]
