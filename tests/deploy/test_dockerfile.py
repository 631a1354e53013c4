"""The Dockerfile against the project: what it names exists, and nothing in it contradicts the code."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from wsgiref.simple_server import make_server

import pytest
from flask import Flask

from service.cli import _parser
from service.settings import read_settings

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "Dockerfile").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
IGNORED = (ROOT / ".dockerignore").read_text(encoding="utf-8").split()


def instructions(text: str = TEXT) -> list[tuple[str, str]]:
    """Each instruction and what follows it, on one line."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    whole = "\n".join(lines).replace("\\\n", "")
    return [(word, rest.strip()) for word, _, rest in (line.partition(" ") for line in whole.splitlines() if line)]


def all_of(name: str) -> list[str]:
    return [rest for word, rest in instructions() if word == name]


def only(name: str) -> str:
    (found,) = all_of(name)
    return found


def pairs(text: str) -> dict[str, str]:
    """`NAME=value NAME="value"` as Docker reads it."""
    return dict(word.split("=", 1) for word in shlex.split(text))


def test_hadolint_finds_nothing() -> None:
    command = [str(Path(sys.executable).with_name("hadolint")), str(ROOT / "Dockerfile")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_hadolint_looks(tmp_path: Path) -> None:
    slip = tmp_path / "Dockerfile"
    slip.write_text(TEXT.replace("ARG BASE=python:3.13-slim", "ARG BASE=python").replace("${BASE}", "python"))
    command = [str(Path(sys.executable).with_name("hadolint")), str(slip)]
    assert "DL3006" in subprocess.run(command, capture_output=True, text=True, check=False).stdout


@pytest.mark.parametrize("script", ["base.sh", "build.sh", "same-twice.sh"])
def test_the_scripts_can_be_read_by_the_shell(script: str) -> None:
    path = ROOT / "deploy" / "image" / script
    done = subprocess.run(["/bin/sh", "-n", str(path)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert os.access(path, os.X_OK)


def test_the_base_is_named_once() -> None:
    assert all_of("FROM") == ["${BASE} AS build", "${BASE}"]
    base = pairs(all_of("ARG")[0])["BASE"]
    assert base == pairs(all_of("LABEL")[0])["org.opencontainers.image.base.name"]
    python = re.fullmatch(r"python:(3\.\d+)-slim", base)
    assert python
    assert f"Programming Language :: Python :: {python[1]}" in PROJECT["classifiers"]
    assert f"python{python[1]}" in (ROOT / "Makefile").read_text(encoding="utf-8")


def test_every_library_comes_from_a_lock_with_hashes() -> None:
    installs = re.findall(r"pip(?: --python \S+)? install [^&]*", " ".join(all_of("RUN")))
    from_locks = [words for words in installs if "-r " in words]
    assert len(from_locks) == 2
    assert all("--require-hashes" in words and "--only-binary=:all:" in words for words in from_locks)
    (own,) = [words for words in installs if words not in from_locks]
    assert {"--no-deps", "--no-index"} <= {*own.split()}
    locks = re.findall(r"-r (\S+)", " ".join(from_locks))
    assert sorted(locks) == ["requirements-build.lock", "requirements.lock"]


def test_what_is_copied_is_there_and_nothing_else_is_sent() -> None:
    copied = {
        word.rstrip("/")
        for rest in all_of("COPY")
        if "--from=" not in rest
        for word in rest.split()[:-1]
        if not word.startswith("--")
    }
    assert all((ROOT / path).exists() for path in copied)
    assert IGNORED[0] == "*"
    assert {line.removeprefix("!") for line in IGNORED if line.startswith("!")} == copied


def test_it_runs_as_a_number_and_needs_no_shell() -> None:
    user = only("USER")
    assert re.fullmatch(r"([1-9]\d{3,}):\1", user)
    assert f"--chown={user}" in " ".join(all_of("COPY"))
    last_stage = [word for word, _ in instructions()][-1 - [word for word, _ in instructions()][::-1].index("FROM") :]
    assert "RUN" not in last_stage
    assert "ENTRYPOINT" not in last_stage
    assert isinstance(json.loads(only("CMD")), list)
    assert isinstance(_health_command(), list)


def test_its_command_is_one_of_ours() -> None:
    program, *arguments = json.loads(only("CMD"))
    options = _parser().parse_args(arguments)
    assert program in PROJECT["scripts"]
    assert options.host == "0.0.0.0"  # noqa: S104
    assert (options.port, options.workers, options.sandbox) == (int(only("EXPOSE")), None, False)


def test_its_environment_is_a_configuration() -> None:
    environment = pairs(all_of("ENV")[-1])
    settings = read_settings(environment)
    assert settings.database_url.startswith(f"sqlite:///{only('VOLUME')}/")
    assert settings.auth == "off", "beyond loopback it refuses to start until callers are identified"


def test_its_labels_say_what_the_project_says() -> None:
    labels = {name.removeprefix("org.opencontainers.image."): value for name, value in pairs(only("LABEL")).items()}
    assert (labels["title"], labels["description"]) == (PROJECT["name"], PROJECT["description"])
    assert (labels["licenses"], labels["vendor"]) == (PROJECT["license"], PROJECT["authors"][0]["name"])
    given = {name for name, value in labels.items() if value.startswith("${")}
    assert given == {"version", "revision", "created"}
    passed = (ROOT / "deploy" / "image" / "build.sh").read_text(encoding="utf-8")
    assert all(f'--build-arg "{name.upper()}=' in passed for name in given)


def _health_command() -> list[str]:
    options, _, command = only("HEALTHCHECK").partition("CMD ")
    assert all(option.startswith("--") for option in options.split())
    found: list[str] = json.loads(command)
    return found


def _check(port: int, **environment: str) -> Any:
    program, *arguments = _health_command()
    assert program == "python3"
    assert f"'127.0.0.1', {only('EXPOSE')}" in arguments[-1]
    moved = [argument.replace(only("EXPOSE"), str(port)) for argument in arguments]
    return subprocess.run([sys.executable, *moved], env=os.environ | environment, capture_output=True, check=False)


def test_the_health_check_tells_life_from_death(app: Flask) -> None:
    # werkzeug's own server would set up its logger for all tests that follow
    with make_server("127.0.0.1", 0, app) as server, ThreadPoolExecutor(1) as serving:
        serving.submit(server.serve_forever)
        try:
            assert _check(server.server_port, http_proxy="http://127.0.0.1:9").returncode == 0
        finally:
            server.shutdown()
    assert _check(server.server_port).returncode == 1
