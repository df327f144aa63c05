"""Head office's compose file: its form, what it refers to, and that it holds no secret; no engine is needed to know these."""

from __future__ import annotations

import fnmatch
import re
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from edge.headoffice.settings import load
from tests.deploy.conftest import REPOSITORY

FOLDER = REPOSITORY / "deploy" / "headoffice"
MADE_ON_THE_SPOT = ("./mosquitto", "./secrets")  # by the commands in deploy/README.md
COMPOSE: dict[str, Any] = YAML(typ="safe").load((FOLDER / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, Any] = COMPOSE["services"]
DOCKERFILE = (FOLDER / "Dockerfile").read_text(encoding="utf-8")


def mounts(service: dict[str, Any]) -> list[str]:
    return [volume.split(":")[0] for volume in service.get("volumes", [])]


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_watched_confined_and_refers_to_what_there_is(name: str) -> None:
    service = SERVICES[name]
    assert service["healthcheck"]["test"][0] == "CMD"
    assert service["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in service["security_opt"]
    assert service["restart"] == "unless-stopped"
    assert set(service.get("secrets", [])) <= COMPOSE["secrets"].keys()
    assert set(service["networks"]) <= COMPOSE["networks"].keys()
    assert set(service.get("depends_on", [])) <= SERVICES.keys()
    for source in mounts(service):
        if source.startswith("."):
            assert source.startswith(MADE_ON_THE_SPOT) or (FOLDER / source).exists()
        else:
            assert source in COMPOSE["volumes"]
    if "image" in service and "build" not in service:
        assert re.fullmatch(r"[a-z-]+(/[a-z-]+)?:\d[\w.-]+", service["image"])  # a version, not `latest`


def test_no_secret_stands_in_it() -> None:
    for service in SERVICES.values():
        for key, value in service.get("environment", {}).items():
            assert "PASSWORD" not in key or (key.endswith("_FILE") and value.startswith("/run/secrets/"))
    assert all(secret["file"].startswith("./secrets/") for secret in COMPOSE["secrets"].values())
    ignored = (REPOSITORY / ".gitignore").read_text(encoding="utf-8").splitlines()
    assert {"deploy/headoffice/mosquitto/", "deploy/headoffice/secrets/"} <= set(ignored)


def test_only_the_broker_and_the_loopback_page_are_open() -> None:
    ports = {name: service.get("ports", []) for name, service in SERVICES.items()}
    assert ports == {"database": [], "broker": ["8883:8883"], "headoffice": ["127.0.0.1:8090:8090"]}
    assert SERVICES["database"]["networks"] == ["inside"]
    assert COMPOSE["networks"]["inside"]["internal"] is True


def test_the_settings_are_sound_and_their_variables_are_its_secrets() -> None:
    settings, warnings = load(FOLDER / "hq.yaml", {name.upper(): "x" for name in SERVICES["headoffice"]["secrets"]})
    assert warnings == []
    assert settings.mqtt.url == "mqtts://broker:8883"
    state = next(volume for volume in SERVICES["headoffice"]["volumes"] if volume.startswith("state:"))
    assert str(settings.database.folder) == state.partition(":")[2]
    assert settings.web.port == 8090


def test_the_image_copies_what_is_there_and_not_left_out() -> None:
    words = re.findall(r"^COPY (.+)$", DOCKERFILE, flags=re.MULTILINE)
    sources = [source for line in words for source in line.split()[:-1]]
    kept = [line[1:] for line in (REPOSITORY / ".dockerignore").read_text(encoding="utf-8").splitlines() if line.startswith("!")]
    assert sources
    for source in sources:
        assert (REPOSITORY / source).exists()
        assert any(fnmatch.fnmatch(source, pattern) for pattern in kept)
    assert "--require-hashes" in DOCKERFILE
    assert re.search(r"^USER smartbranch$", DOCKERFILE, flags=re.MULTILINE)


def pins(file: str) -> dict[str, str]:
    text = (REPOSITORY / "requirements" / file).read_text(encoding="utf-8")
    return dict(re.findall(r"^([A-Za-z0-9_.-]+)==(\S+)", text, flags=re.MULTILINE))


def test_the_image_has_the_versions_that_are_tested() -> None:
    own, tested = pins("headoffice.txt"), pins("test.txt")
    assert pins("box.txt").keys() < own.keys()
    assert {"psycopg", "psycopg-binary"} <= own.keys()
    assert {name: version for name, version in own.items() if tested.get(name, version) != version} == {}


def test_the_readme_makes_what_is_mounted() -> None:
    readme = (REPOSITORY / "deploy" / "README.md").read_text(encoding="utf-8")
    for made in (*MADE_ON_THE_SPOT, *(secret["file"] for secret in COMPOSE["secrets"].values())):
        assert f"deploy/headoffice/{Path(made).name}" in readme or Path(made).name in readme
