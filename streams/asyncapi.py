"""The AsyncAPI 3 document of a Plumbline: which subjects there are, what messages they carry, and who may use them.

Made from the classes of events and the decisions on what goes on the wire. Facts and their answers are the same over
HTTP and NATS, so their schemas are given by the room that reads them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson

from ledger.domain.events import REGISTRY
from streams.event_schemas import wire_schema
from streams.messages import CONTENT_TYPE, SPEC_VERSION, message_of, schema_uri
from streams.subjects import CUSTOMER_NONE, SUBJECT_ROOT
from streams.words import EVENTS

ASYNCAPI: Final = "3.1.0"
VERSION: Final = "1.0.0"
"""Of what the document promises: the first number rises with what others must change their programs for."""

_SUBJECTS: Final = f"{SUBJECT_ROOT}.{{ledger}}"
_DESCRIPTION: Final = """\
The ledger of points as streams over NATS. Every event of the log is one message of the JetStream stream
`PLUMBLINE_<ledger>`, in the order of the log: its sequence in the stream is its position in the log, without a gap.
Messages are CloudEvents 1.0 in the binary mode of NATS. They carry ids, numbers and days: what names people or firms,
and what somebody typed, is read over HTTP by whoever may.

账本的NATS消息流。日志中的每个事件都是JetStream流`PLUMBLINE_<账套>`中的一条消息，次序与日志一致：流序号即日志位置，没有缺号。
消息为CloudEvents 1.0（NATS二进制模式），只含编号、数字和日期；姓名、企业名称和人工填写的文字须凭权限经HTTP读取。
"""
LINES_TYPE: Final = "application/x-ndjson"
_TEXT: Final = {"type": "string"}


def asyncapi_document(fact: Mapping[str, Any], answer: Mapping[str, Any]) -> dict[str, Any]:
    """The document. `fact` is the JSON Schema of a fact that others send, `answer` that of what became of it; what they
    have in `$defs` they refer to as `#/components/schemas/…`."""
    schemas = {topic: _embedded(wire_schema(cls)) for topic, cls in sorted(REGISTRY.items())}
    for name, given in (("Fact", fact), ("FactAnswer", answer)):
        schemas |= given.get("$defs", {})
        schemas[name] = {key: value for key, value in given.items() if key != "$defs"}
    return {
        "asyncapi": ASYNCAPI,
        "id": "urn:plumbline:streams",
        "info": {
            "title": "Plumbline streams",
            "version": VERSION,
            "description": _DESCRIPTION,
            "tags": [{"name": "events"}, {"name": "facts"}],
        },
        "defaultContentType": CONTENT_TYPE,
        "servers": {"nats": _server()},
        "channels": _channels(),
        "operations": _operations(),
        "components": {
            "schemas": schemas,
            "messages": {**{topic: _event(topic) for topic in sorted(REGISTRY)}, **_facts_messages()},
            "messageTraits": {"cloudEvent": _cloud_event()},
            "securitySchemes": _security(),
        },
    }


def _embedded(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema as a part of the document, where it bears no address of its own."""
    return {name: value for name, value in schema.items() if name not in ("$schema", "$id")}


def _server() -> dict[str, Any]:
    return {
        "host": "{host}:{port}",
        "protocol": "nats",
        "description": "A NATS server with JetStream, version 2.10 or later.",
        "variables": {
            "host": {"default": "127.0.0.1", "description": "Ask whoever runs this Plumbline."},
            "port": {"default": "4222"},
        },
        "security": [_ref("securitySchemes", "password"), _ref("securitySchemes", "nkey")],
    }


def _security() -> dict[str, Any]:
    return {
        "password": {
            "type": "userPassword",
            "description": "A user of its own for each system (`plumbline streams permissions`): it may fetch and"
            " acknowledge by its own durable consumer, hear its own inbox, and send facts in its own name.",
        },
        "nkey": {
            "type": "asymmetricEncryption",
            "description": "The same user, proven by signing with the seed of an nkey (Ed25519) instead of a password.",
        },
    }


def _channels() -> dict[str, Any]:
    ledger = {"description": "The ledger's name.", "examples": ["main"]}
    return {
        "events": {
            "address": f"{_SUBJECTS}.event.{{type}}.{{customer}}",
            "title": "Events · 事件",
            "description": "Every event of the log, in its order. Follow some types or customers by the subject.",
            "parameters": {
                "ledger": ledger,
                "type": {"description": "The type of event.", "enum": sorted(REGISTRY)},
                "customer": {
                    "description": f"The customer's id, or {CUSTOMER_NONE} where the event is no customer's. Bytes of"
                    " UTF-8 other than letters, digits, - and _ are written as %XX.",
                    "examples": ["C-000001", CUSTOMER_NONE],
                },
            },
            "messages": {topic: _ref("messages", topic) for topic in sorted(REGISTRY)},
        },
        "facts": {
            "address": f"{_SUBJECTS}.facts.{{sender}}",
            "title": "Facts · 事实",
            "description": "What happened outside, sent as a request. Core NATS: no stream answers in our place."
            " Without the last part, the subject is that of the sender `default`.",
            "parameters": {
                "ledger": ledger,
                "sender": {"description": "The name of the system that sends.", "examples": ["erp"]},
            },
            "messages": {"fact": _ref("messages", "fact")},
        },
        "answers": {
            "address": None,
            "title": "Answers · 回执",
            "description": "The reply subject of the request, an inbox of the sender.",
            "messages": {"factAnswer": _ref("messages", "factAnswer")},
        },
        "dead": {
            "address": f"{_SUBJECTS}.dead",
            "title": "Dead letters · 死信",
            "description": "Facts that were refused, with the reason; kept for 90 days in the stream"
            " `PLUMBLINE_<ledger>_DEAD`.",
            "parameters": {"ledger": ledger},
            "messages": {"deadLetter": _ref("messages", "deadLetter")},
        },
    }


def _operations() -> dict[str, Any]:
    return {
        "publishEvents": {
            "action": "send",
            "channel": {"$ref": "#/channels/events"},
            "title": "Events are published · 发布事件",
            "description": "Once each, in the order of the log. Whoever was away catches up by a durable consumer.",
            "tags": [{"name": "events"}],
        },
        "takeFacts": {
            "action": "receive",
            "channel": {"$ref": "#/channels/facts"},
            "title": "Facts are taken · 接收事实",
            "description": "A fact sent twice under the same `Nats-Msg-Id`, or with the same source and external id,"
            " counts once.",
            "tags": [{"name": "facts"}],
            "messages": [{"$ref": "#/channels/facts/messages/fact"}],
            "reply": {
                "channel": {"$ref": "#/channels/answers"},
                "messages": [{"$ref": "#/channels/answers/messages/factAnswer"}],
            },
        },
        "publishDeadLetters": {
            "action": "send",
            "channel": {"$ref": "#/channels/dead"},
            "title": "Refused facts are told · 通报被拒的事实",
            "tags": [{"name": "facts"}],
        },
    }


def _event(topic: str) -> dict[str, Any]:
    cls, (zh, en) = REGISTRY[topic], EVENTS[topic]
    return {
        "name": topic,
        "title": f"{zh} · {en}",
        "summary": " ".join((cls.__doc__ or "").split()),
        "contentType": CONTENT_TYPE,
        "traits": [_ref("messageTraits", "cloudEvent")],
        "headers": {
            "type": "object",
            "properties": {
                "ce-type": {"type": "string", "const": topic},
                "ce-dataschema": {"type": "string", "const": schema_uri(topic)},
            },
        },
        "payload": _ref("schemas", topic),
        **({"examples": [_example()]} if topic == "PointsGranted" else {}),
    }


def _cloud_event() -> dict[str, Any]:
    properties = {
        "ce-specversion": {"type": "string", "const": SPEC_VERSION},
        "ce-id": {"description": "<ledger>/<position>: seen twice, it is one event.", **_TEXT},
        "ce-source": {"description": "/ledgers/<ledger>", **_TEXT},
        "ce-type": {"description": "The type of event.", **_TEXT},
        "ce-subject": {"description": "The customer's id; absent where the event is no customer's.", **_TEXT},
        "ce-time": {"type": "string", "format": "date-time", "description": "When it was recorded."},
        "ce-datacontenttype": {"type": "string", "const": CONTENT_TYPE},
        "ce-dataschema": {"description": "The body's schema; without the scheme, its path on the API.", **_TEXT},
        "ce-position": {"type": "string", "pattern": "^[1-9][0-9]*$", "description": "The position in the log."},
        "ce-ledger": {"description": "The ledger's name.", **_TEXT},
    }
    return {
        "headers": {
            "type": "object",
            "properties": properties,
            "required": [name for name in properties if name != "ce-subject"],
        },
        "tags": [{"name": "events"}],
    }


def _example() -> dict[str, Any]:
    moment = "2026-01-17T09:30:00+08:00"
    state = {
        "occurred_at": moment, "recorded_at": moment, "actor": "", "cause": 41, "rule": "contract_signed",
        "rule_set": "standard", "points": 24_000, "balance": 24_000, "booked_on": "2026-01-17",
        "expires_on": "2027-01-31", "debt_paid": 0, "cut_by": None,
        "arithmetic": {"base": 24_000, "units": 120, "weight_bp": 10_000, "tier_bp": 10_000},
    }  # fmt: skip
    message = message_of("main", (42, "C-000001", 3, "PointsGranted", orjson.dumps(state)))
    return {"name": "contract", "headers": message.headers, "payload": orjson.loads(message.body)}


def _facts_messages() -> dict[str, Any]:
    refused = {
        "Nats-Msg-Id": {"description": "Of the letter: the same refusal told again is one.", **_TEXT},
        "Plumbline-Code": {"description": "Why it was refused, for programs.", **_TEXT},
        "Plumbline-Reason": {"description": "Why it was refused, for people.", **_TEXT},
        "Plumbline-Field": {"description": "The field concerned; empty where it is none.", **_TEXT},
        "Plumbline-Sender": {"description": "Who sent it.", **_TEXT},
        "Plumbline-Message-Id": {"description": "The id that its sender gave it; empty without one.", **_TEXT},
        "Plumbline-Line": {"description": "Which line of the message it was, from 1.", **_TEXT},
    }
    given = {
        "Nats-Msg-Id": {"description": "The sender's own id of the message: sent twice, it counts once.", **_TEXT},
        "Content-Type": {"enum": [CONTENT_TYPE, LINES_TYPE], "description": "One fact, or one in each line."},
    }
    return {
        "fact": {
            "name": "fact",
            "title": "事实 · a fact",
            "contentType": CONTENT_TYPE,
            "headers": {"type": "object", "properties": given},
            "payload": _ref("schemas", "Fact"),
        },
        "factAnswer": {
            "name": "factAnswer",
            "title": "回执 · what became of a fact",
            "contentType": CONTENT_TYPE,
            "payload": _ref("schemas", "FactAnswer"),
        },
        "deadLetter": {
            "name": "deadLetter",
            "title": "死信 · a refused fact, as it came",
            "contentType": "application/octet-stream",
            "headers": {"type": "object", "properties": refused, "required": list(refused)},
            "payload": {"description": "Whatever was sent, byte for byte.", **_TEXT},
        },
    }


def _ref(kind: str, name: str) -> dict[str, str]:
    return {"$ref": f"#/components/{kind}/{name}"}
