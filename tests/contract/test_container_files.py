"""The container files against what is published about them: no container engine runs where these tests do.

docker-compose.yml is validated with the Compose Specification's own JSON Schema, as in check-jsonschema.
For a Dockerfile no schema is published; its instructions and their order are checked against its reference.
"""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

ROOT = Path(__file__).parents[2]

INSTRUCTIONS = frozenset(
    {
        "ADD",
        "ARG",
        "CMD",
        "COPY",
        "ENTRYPOINT",
        "ENV",
        "EXPOSE",
        "FROM",
        "HEALTHCHECK",
        "LABEL",
        "ONBUILD",
        "RUN",
        "SHELL",
        "STOPSIGNAL",
        "USER",
        "VOLUME",
        "WORKDIR",
    }
)


@dataclass
class Stage:
    """One FROM and what follows it."""

    image: str
    name: str | None
    instructions: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])

    def values(self, instruction: str) -> list[str]:
        return [value for found, value in self.instructions if found == instruction]


def dockerfile_stages(text: str) -> list[Stage]:
    """Parse a Dockerfile; AssertionError names the line that its reference does not allow."""
    without_comments = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    stages: list[Stage] = []
    for line in re.sub(r"\\\n\s*", " ", without_comments).splitlines():
        if not line.strip():
            continue
        instruction, _, value = line.strip().partition(" ")
        assert instruction in INSTRUCTIONS, f"no such instruction: {line}"
        assert value.strip(), f"nothing after {instruction}"
        if instruction == "FROM":
            words = value.split()
            assert len(words) == 1 or (len(words) == 3 and words[1].upper() == "AS"), (
                f"not understood: {line}"
            )
            stages.append(Stage(image=words[0], name=words[2] if len(words) == 3 else None))
        else:
            assert stages or instruction == "ARG", f"{instruction} before the first FROM"
            if stages:
                stages[-1].instructions.append((instruction, value.strip()))
    return stages


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    file = files("check_jsonschema") / "builtin_schemas" / "vendor" / "compose-spec.json"
    return json.loads(file.read_text("utf-8"))


@pytest.fixture(scope="module")
def stages() -> list[Stage]:
    return dockerfile_stages((ROOT / "Dockerfile").read_text("utf-8"))


def test_the_compose_file_follows_the_published_schema(
    compose: dict[str, Any], schema: dict[str, Any]
) -> None:
    assert schema["title"] == "Compose Specification"
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    assert [error.message for error in validator.iter_errors(compose)] == []
    # The schema is strict enough to notice a slip of the pen.
    wrong = json.loads(json.dumps(compose))
    wrong["services"]["nats"]["healthchek"] = wrong["services"]["nats"].pop("healthcheck")
    assert any("healthchek" in error.message for error in validator.iter_errors(wrong))


def test_the_versions_are_those_plumbline_is_tested_with(compose: dict[str, Any]) -> None:
    images = {name: service.get("image") for name, service in compose["services"].items()}
    assert set(images) == {"postgres", "nats", "plumbline"}
    assert re.fullmatch(r"postgres:18(\.\d+)?", images["postgres"])
    nats_version = re.fullmatch(r"nats:(\d+)\.(\d+)(\.\d+)?-alpine", images["nats"])
    assert nats_version is not None
    assert (int(nats_version[1]), int(nats_version[2])) >= (2, 12)
    assert compose["services"]["plumbline"]["build"]["context"] == "."


def test_every_service_has_a_health_check_and_plumbline_waits_for_both(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        assert service["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}
    assert compose["services"]["plumbline"]["depends_on"] == {
        "postgres": {"condition": "service_healthy"},
        "nats": {"condition": "service_healthy"},
    }


def test_all_data_lies_in_named_volumes_where_the_images_keep_it(compose: dict[str, Any]) -> None:
    mounts = {name: service["volumes"] for name, service in compose["services"].items()}
    assert mounts == {
        "postgres": ["postgres-data:/var/lib/postgresql"],
        "nats": ["nats-data:/data"],
        "plumbline": ["plumbline-data:/var/lib/plumbline", "plumbline-backups:/var/backups/plumbline"],
    }
    assert set(compose["volumes"]) == {"postgres-data", "nats-data", "plumbline-data", "plumbline-backups"}


def test_a_backup_can_be_written_and_restored_into_the_volumes_as_they_are_made(
    compose: dict[str, Any], stages: list[Stage]
) -> None:
    final = stages[1]
    made = next(value for value in final.values("RUN") if "install --directory" in value).split()
    # An empty named volume takes over owner and mode of the image's folder.
    assert {mount.partition(":")[2] for mount in compose["services"]["plumbline"]["volumes"]} <= set(made)
    # What the program writes for itself is kept out of the home, which must be empty for a restore.
    environment = " ".join(final.values("ENV"))
    [home] = re.findall(r"PLUMBLINE_HOME=(\S+)", environment)
    [cache] = re.findall(r"PLUMBLINE_KERNEL_CACHE=(\S+)", environment)
    assert not cache.startswith(home)


def test_nats_keeps_its_stream_on_the_disk_and_syncs_every_message(compose: dict[str, Any]) -> None:
    service = compose["services"]["nats"]
    (mount,) = service["configs"]
    assert service["command"] == ["--config", mount["target"]]
    lines = [line.strip() for line in compose["configs"][mount["source"]]["content"].splitlines()]
    inside = lines[lines.index("jetstream {") + 1 : lines.index("}")]
    assert "sync_interval: always" in inside
    assert 'store_dir: "/data"' in inside
    assert "http_port: 8222" in lines
    assert "127.0.0.1:8222/healthz" in service["healthcheck"]["test"][1]


def test_plumbline_is_pointed_to_both_servers_and_no_password_is_written_down(
    compose: dict[str, Any],
) -> None:
    environment = compose["services"]["plumbline"]["environment"]
    assert re.fullmatch(
        r"postgresql://plumbline:\$\{POSTGRES_PASSWORD:\?[^}]+\}@postgres:5432/plumbline",
        environment["PLUMBLINE_DATABASE_URL"],
    )
    assert environment["PLUMBLINE_NATS_URL"] == "nats://nats:4222"
    server = compose["services"]["postgres"]["environment"]
    assert server["POSTGRES_USER"] == server["POSTGRES_DB"] == "plumbline"
    assert server["POSTGRES_PASSWORD"].startswith("${POSTGRES_PASSWORD:?")


def test_the_dockerfile_parses_and_its_stages_exist(stages: list[Stage]) -> None:
    assert [stage.name for stage in stages] == ["build", None]
    for stage in stages:
        assert re.fullmatch(r"python:3\.\d+-slim", stage.image)
    for stage in stages:
        for value in stage.values("COPY"):
            for source_stage in re.findall(r"--from=(\S+)", value):
                assert source_stage in {earlier.name for earlier in stages[: stages.index(stage)]}


def test_everything_the_dockerfile_copies_exists_and_reaches_the_builder(stages: list[Stage]) -> None:
    ignored = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    let_in = {line[1:].rstrip("/") for line in ignored if line.startswith("!")}
    assert "*" in ignored
    sources = [
        source
        for value in stages[0].values("COPY")
        for source in shlex.split(value)[:-1]
        if not source.startswith("--")
    ]
    assert {"pyproject.toml", "requirements.lock", "ledger", "service"} <= set(sources)
    assert [source for source in sources if not (ROOT / source).exists()] == []
    assert set(sources) == let_in
    packages = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]["packages"]["find"]
    rooms = {name.rstrip("*") for name in packages["include"]}
    assert rooms - {"plumbline_client"} <= set(sources), "the image lacks a room that is installed"


def test_the_image_installs_what_is_locked_and_runs_as_an_ordinary_user(stages: list[Stage]) -> None:
    build, final = stages
    assert any("--require-hashes -r requirements.lock" in value for value in build.values("RUN"))
    assert any("--no-deps --no-build-isolation ." in value for value in build.values("RUN"))
    (user,) = final.values("USER")
    assert user not in {"root", "0"}
    assert any(re.search(rf"useradd .*\b{user}\b", value) for value in final.values("RUN"))
    assert json.loads(final.values("ENTRYPOINT")[0]) == ["plumbline"]
    (health,) = final.values("HEALTHCHECK")
    assert json.loads(health.partition(" CMD ")[2]) == ["plumbline", "status"]
    (volume,) = final.values("VOLUME")
    assert f"PLUMBLINE_HOME={volume}" in " ".join(final.values("ENV"))


@pytest.mark.parametrize(
    "text", ["RUN true\n", "FROM a\nCOPPY b c\n", "FROM a\nRUN\n", "FROM a ASS b\n", "FROM a\nrun_this now\n"]
)
def test_a_dockerfile_that_is_wrong_is_noticed(text: str) -> None:
    with pytest.raises(AssertionError):
        dockerfile_stages(text)
