"""Finds and reads mapping documents: the built-in ones by name, others by path."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from connectors.files.mapping import FileMapping
from ledger.domain.documents import yaml_parse
from ledger.domain.errors import DocumentInvalid, PlumblineError, Problem
from ledger.domain.forms import form_problems

_BUILT_IN = files("connectors").joinpath("mappings")


class MappingNotFound(PlumblineError):
    """There is no mapping of that name, and no file at that path."""

    code = "MAPPING_NOT_FOUND"


def mapping_parse(document: object, place: str = "mapping") -> FileMapping:
    """A mapping from plain data. Raises DocumentInvalid, which names every problem and where it stands."""
    try:
        return FileMapping.model_validate(document)
    except ValidationError as error:
        raise DocumentInvalid(form_problems(error, FileMapping, document, place)) from None


def mapping_names() -> list[str]:
    """The names of the built-in mappings."""
    names = (file.name for file in _BUILT_IN.iterdir())
    return sorted(n.removesuffix(".yaml") for n in names if n.endswith(".yaml") and n.count(".") == 1)


def fact_type_missing(fact_type_id: str) -> str:
    """What is wrong, and what to do, where a mapping fills a fact type that the ledger doesn't have. Only types whose
    document comes with the mappings are named: any other id is what somebody sent."""
    told = "names no declared fact type"
    for file in _BUILT_IN.iterdir():
        if file.name.endswith(".fact_type.yaml"):
            document: Any = yaml_parse(file.read_text("utf-8"), file.name)
            if document["id"] == fact_type_id:
                command = f"plumbline fact-types declare connectors/mappings/{file.name}"
                return f"{told}; declare {fact_type_id} first: {command} (or POST …/fact-types)"
    return f"{told}; declare it first: plumbline fact-types declare FILE (or POST …/fact-types)"


def mapping_load(name_or_path: str | Path) -> FileMapping:
    """A built-in mapping by its name, or the one in a YAML file by its path.

    Raises MappingNotFound, or DocumentInvalid where the document can't be used.
    """
    name = str(name_or_path)
    if name in mapping_names():
        return mapping_parse(built_in_document(f"{name}.yaml"), f"mapping {name}")
    path = Path(name_or_path).absolute()
    if not path.is_file():
        raise MappingNotFound(
            f"There is no mapping {name!r}: choose one of {', '.join(mapping_names())},"
            " or give the path of a YAML file."
        )
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError:
        raise DocumentInvalid([Problem(path.name, "is not UTF-8 text; save it as UTF-8")]) from None
    mapping = mapping_parse(yaml_parse(text, path.name), path.name)
    mapping.origin_set(str(path))
    return mapping


def built_in_document(filename: str) -> Any:
    """Plain data of a YAML file among the built-in mappings: a mapping, or a fact type that one needs."""
    return yaml_parse(_BUILT_IN.joinpath(filename).read_text(encoding="utf-8"), filename)
