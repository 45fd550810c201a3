"""Webhooks through the client, against the real app."""

from __future__ import annotations

import pytest
from plumbline_client import ApiError, Ledger, Plumbline

from tests.integration.api.ports import LedgerHere
from tests.integration.client.test_client import ledger, plumbline, port, secret

__all__ = ["ledger", "plumbline", "port", "secret"]

MAIN = Ledger("main")
URL = "https://hook.invalid/plumbline?key=of-theirs"


def test_a_webhook_is_made_changed_tried_and_deleted(plumbline: Plumbline, ledger: LedgerHere) -> None:
    [customer] = ledger.books.register("hooked")
    made = plumbline.send(MAIN.webhook_create("billing", URL, types=["PointsGranted"], attempts_max=3))
    assert made.secret.startswith("whsec_") and made.secret not in repr(made)
    assert (made.state, made.url, made.position) == ("active", "https://hook.invalid/plumbline?…", ledger.books.position)
    with pytest.raises(ApiError) as taken:
        plumbline.send(MAIN.webhook_create("billing", URL))
    assert taken.value.code == "WEBHOOK_EXISTS"
    changed = plumbline.send(MAIN.webhook_change("billing", customers=[customer]))
    assert (changed.types, changed.customers, changed.attempts_max) == (["PointsGranted"], [customer], 3)
    assert plumbline.send(MAIN.webhook_pause("billing")).state == "paused"
    assert plumbline.send(MAIN.webhook_resume("billing")).state == "active"
    assert plumbline.send(MAIN.webhook_replay("billing", 1)).position == 0
    rotated = plumbline.send(MAIN.webhook_rotate("billing", overlap_hours=2))
    assert rotated.secret != made.secret and rotated.secret_old_until is not None
    tried = plumbline.send(MAIN.webhook_test("billing"))
    assert (tried.delivered, tried.status, tried.reason) == (False, 0, "the name in the URL has no address")
    notices = plumbline.send(MAIN.webhook_create("notices", URL, kind="notice", batch="day", consent="not_withdrawn"))
    assert (notices.batch, notices.consent) == ("day", "not_withdrawn")
    assert [w.name for w in plumbline.send(MAIN.webhooks()).data] == ["billing", "notices"]
    assert plumbline.send(MAIN.webhook_attempts("billing")).data == []
    assert plumbline.send(MAIN.webhook_dead_letters("billing", state="all")).data == []
    with pytest.raises(ApiError) as unknown:
        plumbline.send(MAIN.webhook_letter_retry("billing", "1.0"))
    assert unknown.value.code == "WEBHOOK_LETTER_UNKNOWN"
    for name in ("billing", "notices"):
        assert plumbline.send(MAIN.webhook_delete(name)).name == name
    with pytest.raises(ApiError) as gone:
        plumbline.send(MAIN.webhook("billing"))
    assert gone.value.code == "WEBHOOK_UNKNOWN"
