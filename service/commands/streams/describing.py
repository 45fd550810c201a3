"""streams schemas | asyncapi: what the messages look like, for programs that others write."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from ledger.domain.events import REGISTRY
from service.output import JsonOption, LanguageOption, Output, output_of
from streams.event_schemas import publish, published
from streams.messages import schema_uri
from streams.words import EVENTS


def schemas(
    out_folder: Annotated[
        Path | None, typer.Option("--out", help="Write every schema to FOLDER/<event>/<version>.json. 写入此文件夹。")
    ] = None,
    publish_new: Annotated[
        bool,
        typer.Option("--publish", help="For who changes Plumbline: write new schemas beside the code. 发布新模式。"),
    ] = False,
    json: JsonOption = False,
    language: LanguageOption = "en",
) -> None:
    """List the published JSON Schemas of messages, or write them. 消息的JSON模式。"""
    out = output_of(json, language)
    new = {path.parent.name: int(path.stem) for path in publish()} if publish_new else {}
    listed: list[dict[str, Any]] = []
    for event, versions in published().items():
        for version, text in versions.items():
            if out_folder is not None:
                path = out_folder / event / f"{version}.json"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(text)
            listed.append(
                {
                    "event": event,
                    "version": version,
                    "title": dict(zip(("zh", "en"), EVENTS[event], strict=True)),
                    "uri": f"{schema_uri(event).rpartition('/')[0]}/{version}",
                    "current": version == REGISTRY[event].class_version,
                    "written": new.get(event) == version,
                }
            )
    if json:
        out.document(listed)
        return
    headers = [out.say(*w) for w in (("事件", "event"), ("版本", "version"), ("名称", "title"), ("模式", "schema"))]
    rows = [[s["event"], str(s["version"]), s["title"][out.language], s["uri"]] for s in listed]
    out.table("", headers, rows, numbers=(1,))
    if publish_new:
        out.note(f"新发布或改写：{len(new)}", f"published or worded anew: {len(new)}")


def asyncapi(
    out_file: Annotated[Path | None, typer.Option("--out", help="Write it to this file. 写入文件。")] = None,
    json: JsonOption = False,
) -> None:
    """Print the AsyncAPI 3 document of the streams; it is JSON with and without --json. 输出AsyncAPI文档。"""
    # The document is made with the forms of the API, which no other command loads.
    from api.event_streams import asyncapi as document_of

    if out_file is None:
        Output(True, "en").document(document_of())
        return
    out_file.write_bytes(orjson.dumps(document_of(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))


def register(app: typer.Typer) -> None:
    """Add these commands."""
    app.command("schemas")(schemas)
    app.command("asyncapi")(asyncapi)
