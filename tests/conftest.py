"""What every test gets: no network, a clean environment, and real data where it has been announced."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import cli
from tests.city import City

DATA = "YIRIBAN_DATA"
_LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


@dataclass(frozen=True, slots=True)
class Ran:
    """What a run of the command line left behind."""

    code: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing leaves this machine: a test must never send a real SMS."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in _LOOPBACK:
            pytest.fail(f"a test tried to reach {address!r}")
        connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(autouse=True)
def _no_settings_from_outside(monkeypatch: pytest.MonkeyPatch, shelf_of_the_tests: Path) -> None:
    """The developer's own YIRIBAN_* variables decide nothing here, nor what lies in the developer's cache."""
    for name in list(os.environ):
        if name.startswith("YIRIBAN_") and name != DATA:
            monkeypatch.delenv(name)
    monkeypatch.setenv("YIRIBAN_CACHE", str(shelf_of_the_tests))


@pytest.fixture(scope="session")
def shelf_of_the_tests(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where every worker of this run keeps what it has read."""
    return tmp_path_factory.getbasetemp().parent / "shelf"


@pytest.fixture
def run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., Ran]:
    """Run the command line as a person would, in an empty folder: ``run("project", "list")``."""
    monkeypatch.chdir(tmp_path)

    def runner(*args: object) -> Ran:
        capsys.readouterr()
        code = cli.main([str(arg) for arg in args])
        said = capsys.readouterr()
        return Ran(code, said.out, said.err)

    return runner


@pytest.fixture
def build() -> Iterator[Callable[..., City]]:
    """Make cities; they are closed afterwards."""
    made: list[City] = []

    def maker(**how: str) -> City:
        made.append(City(**how))
        return made[-1]

    yield maker
    for city in made:
        city.store.close()


@pytest.fixture(scope="session")
def root() -> Path:
    """The checkout."""
    return Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real registers; skipped where none is announced, failed where it has gone."""
    announced = os.environ.get(DATA)
    if not announced:
        pytest.skip(f"real data not checked: {DATA} is not set")
    folder = Path(announced)
    if not folder.is_dir():
        pytest.fail(f"{DATA} announces {announced}, which is no folder")
    return folder


@pytest.fixture(scope="session")
def folders(root: Path) -> list[Path]:
    """The top-level folders of the checkout, without hidden ones and what tools leave behind."""
    return [
        folder
        for folder in sorted(root.iterdir())
        if folder.is_dir()
        and not folder.name.startswith((".", "_"))
        and folder.suffix != ".egg-info"
        and folder.name not in ("build", "dist")
        and not (folder / "pyvenv.cfg").exists()
    ]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say aloud whether real data was looked at."""
    announced = os.environ.get(DATA)
    terminalreporter.write_line(
        f"real data: {announced}" if announced else f"real data: NOT CHECKED, {DATA} is not set"
    )
