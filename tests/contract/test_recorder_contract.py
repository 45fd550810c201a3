"""The eventsourcing library's own cases for recorders, run against ours on a real Postgres."""

from __future__ import annotations

from uuid import uuid4

import pytest
from eventsourcing.tests.persistence import (
    ApplicationRecorderTestCase,
    NonInterleavingNotificationIDsBaseCase,
)

from ledger.log.datastore import LogDatastore
from ledger.log.recorder import LogRecorder


class LogRecorderCase:
    """What both cases need: text ids, and a recorder on an empty ledger."""

    @pytest.fixture(autouse=True)
    def ledger_given(self, database_url: str, schema_name: str) -> None:
        self.database_url = database_url
        self.schema_name = schema_name

    def new_originator_id(self) -> str:
        return str(uuid4())

    def create_recorder(self) -> LogRecorder:
        recorder = LogRecorder(LogDatastore(self.database_url, self.schema_name, pool_size=8))
        recorder.create_table()
        self.addCleanup(recorder.close)  # type: ignore[attr-defined] # of unittest.TestCase
        return recorder


class TestApplicationRecorder(LogRecorderCase, ApplicationRecorderTestCase[LogRecorder]):
    def test_insert_subscribe(self) -> None:
        self.optional_test_insert_subscribe()


class TestNonInterleavingNotificationIds(LogRecorderCase, NonInterleavingNotificationIDsBaseCase):
    pass


# The library's abstract cases are collected by name where they are imported.
del ApplicationRecorderTestCase, NonInterleavingNotificationIDsBaseCase
