"""What one thread waits for: an answer or an error, each exactly once."""

from __future__ import annotations

import threading

import pytest

from ledger.domain.commands import Answer
from ledger.writer.submissions import Reply, WriterStopped


def test_who_waits_gets_the_answers_that_another_thread_gives() -> None:
    reply = Reply()
    answers = [Answer("accepted", 7)]
    giver = threading.Timer(0.05, reply.set_result, [answers])
    giver.start()
    assert reply.result() is answers
    giver.join()


def test_answers_that_are_there_already_need_no_waiting() -> None:
    reply = Reply()
    reply.set_result([])
    assert reply.result() == []


def test_who_waits_gets_the_error_that_another_thread_met() -> None:
    reply = Reply()
    giver = threading.Timer(0.05, reply.set_exception, [WriterStopped("stopped")])
    giver.start()
    with pytest.raises(WriterStopped, match="stopped"):
        reply.result()
    giver.join()


def test_a_request_that_a_thread_waits_for_is_never_taken_back() -> None:
    assert Reply().set_running_or_notify_cancel()
