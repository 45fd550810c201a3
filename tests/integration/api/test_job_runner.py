"""Jobs that are cancelled, fail, or meet the end of their process."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import psycopg
import pytest

from api.jobs import runner as runner_module
from api.jobs.runner import JobDone, JobRunner, Progress
from api.jobs.store import Job, job_cancel, job_find, job_rows
from api.problems import RetryLater
from ledger.log.pages import BEGINNING
from tests.integration.api.ports import LedgerHere, LedgersHere

SECONDS_MAX = 20.0


@pytest.fixture(scope="module")
def ledger(ledgers: LedgersHere) -> LedgerHere:
    return ledgers.ledgers["main"]


def found(ledger: LedgerHere, job: str) -> Job:
    with ledger.recorder.datastore.get_connection() as connection:
        return job_find(connection, "replay", job, "REPLAY_UNKNOWN")


async def until(ledger: LedgerHere, job: str, reached: Callable[[Job], bool]) -> Job:
    deadline = time.monotonic() + SECONDS_MAX
    while not reached(now := await asyncio.to_thread(found, ledger, job)):
        assert time.monotonic() < deadline, now
        await asyncio.sleep(0.05)
    return now


def endless(progress: Progress) -> JobDone:
    """Work that ends only by its progress."""
    for done in range(1_000):
        progress(done, 1_000)
        time.sleep(0.02)
    raise AssertionError("nobody stopped it")


def test_the_end_of_the_process_ends_the_job_that_runs_and_those_that_wait(ledger: LedgerHere) -> None:
    closed: list[str] = []

    async def run() -> list[Job]:
        runner = JobRunner()
        names = ("first", "second")
        jobs = [
            (await runner.start(ledger, "replay", {}, "x", endless, lambda name=name: closed.append(name)))[0]
            for name in names
        ]
        await until(ledger, jobs[0], lambda job: job.progress_done > 0)
        assert found(ledger, jobs[1]).state == "queued"
        began = time.monotonic()
        await runner.stop()
        assert time.monotonic() - began < 10
        with pytest.raises(RetryLater):
            await runner.start(ledger, "replay", {}, "x", endless)
        return [found(ledger, job) for job in jobs]

    for job in asyncio.run(run()):
        assert (job.state, (job.error or {})["code"]) == ("failed", "JOB_STOPPED")
    assert closed == ["first", "second"]


def test_a_job_that_runs_is_cancelled_at_its_next_progress_and_the_next_one_begins(ledger: LedgerHere) -> None:
    async def run() -> tuple[Job, Job]:
        runner = JobRunner()
        first, _ = await runner.start(ledger, "replay", {}, "x", endless)
        second, _ = await runner.start(ledger, "replay", {}, "x", lambda progress: JobDone({"well": True}, {"ns": [{"n": 1}]}))
        await until(ledger, first, lambda job: job.state == "running")
        with ledger.recorder.datastore.get_connection() as connection:
            job_cancel(connection, "replay", first)
        return (
            await until(ledger, first, lambda job: job.state != "running"),
            await until(ledger, second, lambda job: job.state not in ("queued", "running")),
        )

    first, second = asyncio.run(run())
    assert first.state == "cancelled"
    assert (second.state, second.result) == ("done", {"well": True})


def test_a_job_that_is_cancelled_while_it_waits_lets_go_of_its_file_and_its_place_at_once(
    ledger: LedgerHere, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runner_module, "BEAT_SECONDS", 0.05)
    monkeypatch.setattr(runner_module, "WAITING_MAX", 2)

    closed: list[str] = []

    async def has_room(runner: JobRunner) -> None:
        deadline = time.monotonic() + SECONDS_MAX
        while True:
            try:
                return runner.room_check()
            except RetryLater:
                assert time.monotonic() < deadline
            await asyncio.sleep(0.02)

    async def run() -> tuple[Job, Job, Job]:
        runner = JobRunner()
        first, _ = await runner.start(ledger, "replay", {}, "x", endless)
        await until(ledger, first, lambda job: job.state == "running")
        second, _ = await runner.start(ledger, "replay", {}, "x", endless, lambda: closed.append("second"))
        with pytest.raises(RetryLater):
            runner.room_check()
        with ledger.recorder.datastore.get_connection() as connection:
            job_cancel(connection, "replay", second)
        await has_room(runner)
        assert (closed, found(ledger, first).state) == (["second"], "running")
        third, _ = await runner.start(ledger, "replay", {}, "x", lambda progress: JobDone({}))
        with ledger.recorder.datastore.get_connection() as connection:
            job_cancel(connection, "replay", first)
        done = await until(ledger, third, lambda job: job.state == "done")
        return found(ledger, first), found(ledger, second), done

    assert [job.state for job in asyncio.run(run())] == ["cancelled", "cancelled", "done"]


def test_what_came_of_a_job_is_kept_though_the_database_was_away_when_it_ended(
    ledger: LedgerHere, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    finish = runner_module.job_finish

    def away(connection: Any, job: str, state: str, *more: Any) -> None:
        said.append(state)
        if len(said) > 1:  # of the second time only the answer is lost
            finish(connection, job, state, *more)
        if len(said) < 3:
            raise psycopg.OperationalError("the connection is lost")

    monkeypatch.setattr(runner_module, "job_finish", away)
    monkeypatch.setattr(runner_module, "FINISH_PAUSE_SECONDS", 0.01)
    rows = ({"n": n} for n in range(3))

    async def run() -> Job:
        job, _ = await JobRunner().start(ledger, "replay", {}, "x", lambda progress: JobDone({"well": True}, {"ns": rows}))
        return await until(ledger, job, lambda job: job.state not in ("queued", "running"))

    job = asyncio.run(run())
    assert (job.state, job.result, said) == ("done", {"well": True}, ["done"] * 3)
    with ledger.recorder.datastore.get_connection() as connection:
        kept = job_rows(connection, job.id, "ns", BEGINNING, 10)
    assert [row for _, row in kept] == [{"n": 0}, {"n": 1}, {"n": 2}]


def test_a_job_that_raises_has_failed_and_does_not_tell_its_secrets(ledger: LedgerHere) -> None:
    def broken(progress: Progress) -> JobDone:
        raise ValueError("password=hunter2")

    async def run() -> Job:
        job, _ = await JobRunner().start(ledger, "replay", {}, "x", broken)
        return await until(ledger, job, lambda job: job.state not in ("queued", "running"))

    job = asyncio.run(run())
    assert job.state == "failed" and (job.error or {})["code"] == "JOB_FAILED"
    assert "hunter2" not in str(job.error)
