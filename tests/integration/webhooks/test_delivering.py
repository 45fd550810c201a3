"""Deliveries to a real receiver: signed, in order, tried again, given up, set back; and by one process at a time."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import psycopg
import pytest
from structlog.testing import capture_logs

from ledger.domain.errors import Refused
from tests.integration.webhooks.delivery import Hooks, parts
from tests.ledgers import fact
from tests.receiver import Answer, Receiver, receiving
from webhooks.backoff import Retries
from webhooks.subscriptions import (
    Webhook,
    WebhookAsked,
    asked_checked,
    dead_retry,
    webhook_change,
    webhook_delete,
    webhook_pause,
    webhook_resume,
    webhook_rewind,
    webhook_rotate,
)


def ids(*positions: int) -> list[str]:
    return [f"main/{position}" for position in positions]


def test_events_come_signed_in_order_and_in_wire_form(hooks: Hooks, receiver: Receiver) -> None:
    [customer] = hooks.books.register("K-1")
    secret = hooks.make("all", receiver.url, from_position=1)
    with hooks.delivered():
        head = hooks.books.position
        got = receiver.wait(head)
        assert receiver.ids == ids(*range(1, head + 1))
        hooks.books.do(fact("F-1", "project_completed", "2026-10-31", customer))
        got = receiver.wait(hooks.books.position)
    assert receiver.ids == ids(*range(1, hooks.books.position + 1))
    assert [g.verified(secret) for g in got] == receiver.ids
    registered = next(g.document for g in got if g.document["type"] == "CustomerRegistered")
    assert registered["subject"] == customer and "K-1 公司" not in str([g.body.decode() for g in got])
    assert got[0].headers["content-type"] == "application/cloudevents+json; charset=utf-8"
    granted = next(g.document for g in got if g.document["type"] == "PointsGranted")
    assert granted["specversion"] == "1.0" and granted["data"]["points"] == 50_00
    assert granted["position"] == granted["id"].rpartition("/")[2] and granted["ledger"] == "main"


def test_a_webhook_gets_only_its_types_and_customers_and_moves_past_the_rest(hooks: Hooks, receiver: Receiver) -> None:
    first, second = hooks.books.register("K-1", "K-2")
    hooks.make("some", receiver.url, from_position=1, types=("PointsGranted", "FactRecorded"), customers=(second,))
    hooks.books.send(*(fact(f"F-{i}", "project_completed", "2026-10-31", c) for i, c in enumerate((first, second, first, second))))
    with hooks.delivered():
        receiver.wait(4)
        hooks.told("some")
    assert [(g.document["type"], g.document["subject"]) for g in receiver.got] == [
        ("FactRecorded", second), ("PointsGranted", second)] * 2  # fmt: skip


def test_without_a_position_it_begins_with_what_comes_next(hooks: Hooks, receiver: Receiver) -> None:
    hooks.make("next", receiver.url)
    head = hooks.books.position
    hooks.books.register("K-1")
    with hooks.delivered():
        receiver.wait(1)
    assert receiver.ids == ids(head + 1)


def test_a_message_that_fails_is_tried_again_before_the_next_and_each_attempt_is_told(hooks: Hooks, receiver: Receiver) -> None:
    hooks.books.register("K-1", "K-2")
    head = hooks.books.position
    receiver.answer = lambda count, got: (Answer(500, b"no\x07 <b>room</b>\n left"), Answer(0), Answer())[min(count, 2)]
    hooks.make("weak", receiver.url, from_position=head - 1)
    with capture_logs() as entries, hooks.delivered():
        receiver.wait(4)
        found = hooks.told("weak")
    # The log has the reason, and nothing that the receiver said.
    assert [(e["status"], e["reason"]) for e in entries if e["event"] == "webhook not delivered"] == [
        (500, "answered 500"), (0, "the connection failed (RemoteProtocolError)"),
    ]  # fmt: skip
    assert receiver.ids == ids(head - 1, head - 1, head - 1, head)
    assert [(a.outcome, a.attempt, a.status, a.reason) for a in hooks.attempts("weak")] == [
        ("failed", 1, 500, "answered 500: no <b>room</b> left"),
        ("failed", 2, 0, "the connection failed (RemoteProtocolError)"),
        ("delivered", 3, 204, ""), ("delivered", 1, 204, ""),
    ]  # fmt: skip
    assert (found.attempts, found.retry_at, found.dead) == (0, None, 0)
    # The first wait is 40 ms, of which the jitter of 0.5 takes three quarters; the second twice as long.
    times = [a.at.timestamp() for a in hooks.attempts("weak")]
    assert times[1] - times[0] >= 0.029 and times[2] - times[1] >= 0.059


def test_what_is_given_up_lies_with_the_dead_letters_and_the_next_goes_on(hooks: Hooks, receiver: Receiver) -> None:
    hooks.books.register("K-1", "K-2")
    head = hooks.books.position
    receiver.answer = lambda count, got: Answer(400) if got.id == f"main/{head - 1}" and count < 4 else Answer()
    hooks.make("strict", receiver.url, from_position=head - 1, attempts_max=3)
    with hooks.delivered() as deliverer:
        receiver.wait(4)
        hooks.told("strict")
        assert receiver.ids == ids(head - 1, head - 1, head - 1, head)
        [letter] = hooks.dead("strict")
        assert (letter.id, letter.attempts, letter.status, letter.state) == (f"{head - 1}.0", 3, 400, "dead")
        assert hooks.find("strict").dead == 1
        hooks.use(dead_retry, "strict", letter.id)
        receiver.wait(5)
        hooks.until("strict", lambda w: w.dead == 0)
        assert receiver.ids[-1] == f"main/{head - 1}" and hooks.dead("strict") == []
        [letter] = hooks.dead("strict", everything=True)
        assert (letter.attempts, letter.status, letter.reason, letter.state) == (4, 204, "", "delivered")
        outcomes = {outcome: n for (_, outcome), n in deliverer.counts.items()}
        assert outcomes == {"failed": 2, "dead": 1, "delivered": 2}
    with pytest.raises(Refused, match="no such dead letter"):
        hooks.use(dead_retry, "strict", "1.0")


def test_another_attempt_that_fails_leaves_the_letter_dead(hooks: Hooks, receiver: Receiver) -> None:
    head = hooks.books.position
    receiver.answer = lambda count, got: Answer(503, b"", (("retry-after", "soon"),))
    hooks.make("never", receiver.url, from_position=head, attempts_max=1)
    with hooks.delivered():
        hooks.until("never", lambda w: w.dead == 1)
        hooks.use(dead_retry, "never", f"{head}.0")
        receiver.wait(2)
        hooks.until("never", lambda w: hooks.dead("never")[0].attempts == 2)
    [letter] = hooks.dead("never")
    assert (letter.state, letter.status) == ("dead", 503)


def test_one_that_is_paused_sends_no_dead_letter_either_until_it_is_resumed(hooks: Hooks, receiver: Receiver) -> None:
    head = hooks.books.position
    receiver.answer = lambda count, got: Answer(400) if count < 1 else Answer()
    hooks.make("quiet", receiver.url, from_position=head, attempts_max=1)
    with hooks.delivered():
        hooks.until("quiet", lambda w: w.dead == 1)
        hooks.use(webhook_pause, "quiet", "ann")
        hooks.use(dead_retry, "quiet", f"{head}.0")
        time.sleep(0.3)
        assert len(receiver.got) == 1 and hooks.dead("quiet")[0].state == "waiting"
        hooks.use(webhook_resume, "quiet", "ann")
        hooks.until("quiet", lambda w: w.dead == 0)
    assert receiver.ids == ids(head, head)


def test_more_dead_letters_than_are_sent_at_once_are_all_sent(
    hooks: Hooks, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webhooks.delivering.LETTERS_AT_ONCE", 2)
    hooks.books.register("K-1", "K-2", "K-3", "K-4", "K-5")
    head = hooks.books.position
    receiver.answer = lambda count, got: Answer(400) if count < 5 else Answer()
    hooks.make("many", receiver.url, from_position=head - 4, attempts_max=1)
    with hooks.delivered():
        hooks.until("many", lambda w: w.dead == 5)
        for letter in hooks.dead("many"):
            hooks.use(dead_retry, "many", letter.id)
        hooks.until("many", lambda w: w.dead == 0, 5)
    assert sorted(receiver.ids[5:]) == sorted(receiver.ids[:5])


def test_one_that_holds_the_order_stops_at_what_is_given_up_until_it_is_resumed(hooks: Hooks, receiver: Receiver) -> None:
    hooks.books.register("K-1", "K-2")
    head = hooks.books.position
    receiver.answer = lambda count, got: Answer(500) if count < 2 else Answer()
    hooks.make("order", receiver.url, from_position=head - 1, attempts_max=2, on_dead="stop")
    with hooks.delivered():
        found = hooks.until("order", lambda w: w.state == "held")
        assert (found.position, found.dead) == (head - 2, 1)
        hooks.use(webhook_resume, "order", "ann")
        receiver.wait(4)
        found = hooks.told("order")
    assert receiver.ids == ids(head - 1, head - 1, head - 1, head)
    assert (found.state, found.dead, found.changed_by) == ("active", 0, "ann")


def test_a_receiver_that_is_gone_is_called_no_more(hooks: Hooks, receiver: Receiver) -> None:
    receiver.answer = lambda count, got: Answer(410)
    hooks.make("gone", receiver.url, from_position=1)
    with hooks.delivered():
        hooks.until("gone", lambda w: w.state == "gone")
        hooks.books.register("K-1")
        time.sleep(0.2)
    assert len(receiver.got) == 1
    assert [a.outcome for a in hooks.attempts("gone")] == ["gone"]


def test_a_redirect_is_no_delivery_and_is_not_followed(hooks: Hooks, receiver: Receiver) -> None:
    with receiving() as elsewhere:
        receiver.answer = lambda count, got: Answer(307, b"", (("location", elsewhere.url),))
        head = hooks.books.position
        hooks.make("moved", receiver.url, from_position=head, attempts_max=1)
        with hooks.delivered():
            hooks.until("moved", lambda w: w.dead == 1)
        assert elsewhere.got == [] and hooks.dead("moved")[0].status == 307


def test_a_receiver_may_ask_to_be_left_alone_for_a_while(hooks: Hooks, receiver: Receiver) -> None:
    receiver.answer = lambda count, got: Answer(429, b"", (("retry-after", "600"),))
    head = hooks.books.position
    hooks.make("busy", receiver.url, from_position=head)
    with hooks.delivered():
        found = hooks.until("busy", lambda w: w.retry_at is not None)
    [attempt] = hooks.attempts("busy")
    assert found.retry_at is not None and (found.retry_at - attempt.at).total_seconds() == 600


def test_a_slow_receiver_holds_up_nobody_else(hooks: Hooks, receiver: Receiver) -> None:
    release = threading.Event()
    with receiving() as slow:
        slow.answer = lambda count, got: (release.wait(15), Answer())[1]
        hooks.make("slow", slow.url, from_position=1)
        hooks.make("quick", receiver.url, from_position=1)
        with hooks.delivered():
            slow.wait(1)
            hooks.books.register(*(f"K-{i}" for i in range(20)))
            receiver.wait(hooks.books.position)
            assert len(slow.got) == 1
            release.set()


def test_a_receiver_that_does_not_answer_in_time_fails(hooks: Hooks, receiver: Receiver) -> None:
    release = threading.Event()
    receiver.answer = lambda count, got: (release.wait(10), Answer())[1]
    head = hooks.books.position
    hooks.make("mute", receiver.url, from_position=head, attempts_max=1)

    def caller() -> object:
        made = parts().caller()
        made.answer_seconds = 0.2
        return made

    with hooks.delivered(parts(caller=caller)):
        hooks.until("mute", lambda w: w.dead == 1)
    release.set()
    assert hooks.dead("mute")[0].reason == "no whole answer within 0.2 seconds"


def test_a_webhook_that_is_paused_gets_nothing_until_it_is_resumed(hooks: Hooks, receiver: Receiver) -> None:
    hooks.make("pause", receiver.url)
    with hooks.delivered():
        hooks.books.register("K-1")
        receiver.wait(1)
        hooks.told("pause")
        hooks.use(webhook_pause, "pause", "ann")
        hooks.books.register("K-2")
        time.sleep(0.3)
        assert len(receiver.got) == 1 and hooks.find("pause").state == "paused"
        hooks.use(webhook_resume, "pause", "ann")
        receiver.wait(2)


def test_it_is_told_everything_again_from_a_position_on(hooks: Hooks, receiver: Receiver) -> None:
    hooks.books.register("K-1", "K-2", "K-3")
    head = hooks.books.position
    hooks.make("again", receiver.url, from_position=head)
    with hooks.delivered():
        receiver.wait(1)
        hooks.told("again")
        hooks.use(webhook_rewind, "again", head - 2, "ann")
        receiver.wait(4)
        hooks.told("again")
        with pytest.raises(Refused, match="doesn't reach so far"):
            hooks.use(webhook_rewind, "again", head + 2, "ann")
    assert receiver.ids == ids(head, head - 2, head - 1, head)


def test_setting_the_place_back_counts_though_an_attempt_is_under_way(hooks: Hooks, receiver: Receiver) -> None:
    release = threading.Event()
    hooks.books.register("K-1", "K-2", "K-3")
    head = hooks.books.position
    receiver.answer = lambda count, got: (release.wait(10) if count == 0 else None, Answer())[1]
    hooks.make("under-way", receiver.url, from_position=head)
    with hooks.delivered():
        receiver.wait(1)
        hooks.use(webhook_rewind, "under-way", head - 1, "ann")
        release.set()
        receiver.wait(3)
    assert receiver.ids == ids(head, head - 1, head)


def test_while_a_secret_is_changed_both_sign(hooks: Hooks, receiver: Receiver) -> None:
    old = hooks.make("keys", receiver.url)
    with hooks.delivered():
        hooks.books.register("K-1")
        receiver.wait(1)
        new = hooks.use(webhook_rotate, "keys", 24, "ann")
        hooks.books.register("K-2")
        receiver.wait(2)
        last = hooks.use(webhook_rotate, "keys", 0, "ann")
        hooks.books.register("K-3")
        receiver.wait(3)
    first, both, after = receiver.got
    assert first.verified(old) and both.verified(old) == both.verified(new) == both.id and after.verified(last)
    for secret in (old, new):
        with pytest.raises(Exception, match="no signature fits"):
            after.verified(secret)


def test_of_two_changes_at_once_neither_undoes_the_other(hooks: Hooks) -> None:
    hooks.make("both", "https://a.example/")

    def typed(found: Webhook) -> WebhookAsked:
        # Somebody changes something else while this one makes up their mind.
        other.start()
        other.join(0.2)
        return replace(found.asked, types=("DayClosed",))

    def moved(found: Webhook) -> WebhookAsked:
        return replace(found.asked, url="https://b.example/")

    other = threading.Thread(target=hooks.use, args=[webhook_change, "both", moved, "ben"])
    hooks.use(webhook_change, "both", typed, "ann")
    other.join()
    found = hooks.find("both")
    assert (found.url, found.types, found.changed_by) == ("https://b.example/", ["DayClosed"], "ben")


def test_changes_hold_for_the_next_message_and_a_deleted_one_is_called_no_more(hooks: Hooks, receiver: Receiver) -> None:
    hooks.make("moving", receiver.url)
    with receiving() as elsewhere, hooks.delivered() as deliverer:
        hooks.books.register("K-1")
        receiver.wait(1)
        changed = asked_checked(WebhookAsked("event", elsewhere.url), parts().caller().networks)
        hooks.use(webhook_change, "moving", lambda found: changed, "ben")
        time.sleep(0.15)
        hooks.books.register("K-2")
        elsewhere.wait(1)
        hooks.use(webhook_delete, "moving")
        time.sleep(0.15)
        hooks.books.register("K-3")
        time.sleep(0.15)
        assert (len(receiver.got), len(elsewhere.got)) == (1, 1)
        # The next look forgets it, however busy the machine is.
        deadline = time.monotonic() + 10
        while deliverer.lags:
            assert time.monotonic() < deadline, deliverer.lags
            time.sleep(0.02)
    with pytest.raises(Refused, match="no such webhook"):
        hooks.find("moving")


def test_two_processes_deliver_each_message_once_and_one_takes_over_where_the_other_ends(hooks: Hooks, receiver: Receiver) -> None:
    hooks.make("once", receiver.url)
    with hooks.delivered() as second:
        with hooks.delivered() as first:
            for i in range(10):
                hooks.books.register(f"K-{i}")
            hooks.told("once")
            assert {first.status, second.status} == {"delivering", "standby"}
        hooks.books.register("K-10")
        hooks.told("once")
        assert second.status == "delivering"
    assert receiver.ids == ids(*range(hooks.books.position - 10, hooks.books.position + 1))


def test_whoever_loses_the_session_of_the_lock_begins_again_and_nothing_is_missing(hooks: Hooks, receiver: Receiver) -> None:
    hooks.make("cut", receiver.url)
    with hooks.delivered():
        hooks.books.register("K-1")
        hooks.told("cut")
        with psycopg.connect(hooks.database_url, autocommit=True) as connection:
            cut = connection.execute(
                "SELECT count(pg_terminate_backend(l.pid)) FROM pg_locks l, hashtextextended('plumbline webhooks of ' || %s, 0) k"
                " WHERE l.locktype = 'advisory' AND l.classid::bigint = (k >> 32) & 4294967295 AND l.objid::bigint = k & 4294967295",
                (hooks.schema,),
            ).fetchone()
        assert cut == (1,)
        hooks.books.register("K-2")
        hooks.told("cut")
    assert receiver.ids == ids(hooks.books.position - 1, hooks.books.position)


def test_the_waits_grow_by_a_factor_up_to_a_day_and_spread_by_the_jitter() -> None:
    retries = Retries()
    # 5, 20, 80 … seconds, never more than 8 hours; the jitter takes up to half off.
    assert [retries.delay_seconds(n, 1.0) for n in (1, 2, 3, 7, 8, 1_000)] == [5, 20, 80, 20_480, 28_800, 28_800]
    assert [retries.delay_seconds(1, jitter) for jitter in (0.0, 0.5)] == [2.5, 3.75]
    assert retries.delay_seconds(1, 0.0, after_seconds=60) == 60 and retries.delay_seconds(1, 0.0, after_seconds=1e9) == 3_600
    # Ten attempts take about a day.
    assert 23 < sum(retries.delay_seconds(n, 1.0) for n in range(1, 10)) / 3_600 < 25


def test_a_webhook_made_anew_under_a_name_is_not_moved_by_what_the_old_one_had_under_way(hooks: Hooks, receiver: Receiver) -> None:
    release = threading.Event()
    hooks.books.register("K-1", "K-2", "K-3")
    head = hooks.books.position
    receiver.answer = lambda count, got: (release.wait(10) if count == 0 else None, Answer())[1]
    hooks.make("same", receiver.url, from_position=head)
    with receiving() as other, hooks.delivered():
        receiver.wait(1)
        hooks.use(webhook_delete, "same")
        hooks.make("same", other.url, from_position=head - 1)
        release.set()
        other.wait(2)
        hooks.told("same")
    assert other.ids == ids(head - 1, head) and receiver.ids == ids(head)
