"""What the page about webhooks tells receivers is so."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ledger.domain.values import day_parse
from tests.integration.webhooks.delivery import Hooks
from tests.ledgers import fact
from tests.receiver import Receiver
from webhooks.messages import notice_message
from webhooks.notices.notice import Notice

FIGURES = ("opening", "earned", "deducted", "redeemed", "expired", "closing")
PAGE = (Path(__file__).parents[3] / "docs" / "webhooks.md").read_text("utf-8")


def verified_of_the_page() -> Callable[[str, dict[str, str], bytes, float], bool]:
    [block] = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    names: dict[str, Any] = {}
    exec(block, names)
    return names["verified"]


def test_the_lines_of_the_page_verify_what_comes_and_nothing_else(hooks: Hooks, receiver: Receiver) -> None:
    secret = hooks.make("page", receiver.url)
    other = hooks.make("other", receiver.url.replace("/hook", "/other"))
    hooks.books.register("K-1")
    with hooks.delivered():
        receiver.wait(2)
    [got] = [g for g in receiver.got if g.path == "/hook"]
    verified = verified_of_the_page()
    assert verified(secret, got.headers, got.body, got.at)
    assert not verified(other, got.headers, got.body, got.at)
    assert not verified(secret, got.headers, got.body + b" ", got.at)
    assert not verified(secret, got.headers, got.body, got.at + 302)
    assert not verified(secret, got.headers | {"webhook-id": "main/1"}, got.body, got.at)


def test_the_members_that_the_page_shows_are_those_that_come(hooks: Hooks, receiver: Receiver) -> None:
    [customer] = hooks.books.register("K-1")
    hooks.make("page", receiver.url, types=("PointsGranted",))
    hooks.books.do(fact("P-1", "project_completed", "2026-10-31", customer))
    with hooks.delivered():
        document = receiver.wait(1)[0].document
    shown, notice = (json.loads(block) for block in re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL))
    assert shown.keys() == document.keys() and shown["data"].keys() <= document["data"].keys()
    figures = {name: notice[name] for name in FIGURES}
    made = Notice(
        position=1, customer=1, batch="month", day=day_parse(notice["day"]), recorded_at="", tier_before="bronze",
        tier="silver", expiring=2000, choice="yes", **figures,
    )  # fmt: skip
    sent = json.loads(notice_message("main", made, {}).body)["data"]
    assert sent | {"text": ""} == notice | {"text": ""}
    assert sum(notice[name] for name in FIGURES[:-1]) == notice["closing"]
    for language in ("zh", "en"):
        assert sent["text"][language].startswith(notice["text"][language].rstrip("…").rstrip())
