"""Flags, then YIRIBAN_*, then yiriban.toml, then the default."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cli import in_front
from engine.errors import BadInput, NotFound
from runtime.settings import Settings, read_settings, resolve
from tests.conftest import Ran


def test_flags_win_over_the_environment_over_the_file_over_the_default(tmp_path: Path) -> None:
    assert read_settings({}, {}, tmp_path) == Settings()
    (tmp_path / "yiriban.toml").write_text('as = "王五"\nlang = "en"\n', encoding="utf-8")
    assert read_settings({}, {}, tmp_path) == Settings(person="王五", lang="en")
    environ = {"YIRIBAN_AS": "李四", "YIRIBAN_LANG": ""}
    assert read_settings({}, environ, tmp_path) == Settings(person="李四", lang="en")
    assert read_settings({"as": "张三", "lang": None}, environ, tmp_path).person == "张三"


@pytest.mark.parametrize(
    ("written", "named"),
    [
        ("databse = 'x.db'", "databse"),
        ("as = 7", "as"),
        ("lang = 'fr'", "fr"),
        ("lang = ", "yiriban.toml"),
        ("database = 'postgresql://city:geheim@db/yiriban'", "密码"),
    ],
)
def test_a_faulty_file_is_refused_by_name(tmp_path: Path, written: str, named: str) -> None:
    (tmp_path / "yiriban.toml").write_text(written, encoding="utf-8")
    with pytest.raises(BadInput, match=named):
        read_settings({}, {}, tmp_path)


def test_a_database_is_a_file_or_a_url_or_a_reference_to_one(tmp_path: Path) -> None:
    secret = tmp_path / "url"
    secret.write_text("postgresql://city:geheim@db/yiriban\n", encoding="utf-8")
    url = "postgresql://city:geheim@db/yiriban"

    def database(value: str, **environ: str) -> str:
        return read_settings({"database": value}, environ, tmp_path).database

    assert database("city.db") == "sqlite:///city.db"
    assert database("/data/city.db") == "sqlite:////data/city.db"
    assert database("sqlite:///city.db") == "sqlite:///city.db"
    assert database("env:CITY", CITY=url) == url
    assert database(f"file:{secret}") == url
    with pytest.raises(BadInput, match="明文密码"):
        database(url)
    assert read_settings({}, {"YIRIBAN_DATABASE": url}, tmp_path).database == url


def test_a_reference_that_leads_nowhere_says_which(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="CITY"):
        resolve("env:CITY", {})
    with pytest.raises(NotFound, match="gone"):
        resolve(f"file:{tmp_path / 'gone'}", {})
    with pytest.raises(NotFound, match="gone"):
        read_settings({"workflows": str(tmp_path / "gone")}, {}, tmp_path)


def test_who_acts_and_where_may_be_said_behind_the_command(run: Callable[..., Ran], tmp_path: Path) -> None:
    assert run("init", "--as", "张三", "--unit", "市一中", f"--database={tmp_path / 'city.db'}").code == 0
    assert run("project", "new", "课桌椅", "--database", str(tmp_path / "city.db"), "--as", "张三").code == 0
    listed = run("--db", str(tmp_path / "city.db"), "project", "list")
    assert "课桌椅" in listed.out
    assert not (tmp_path / "yiriban.db").exists()


def test_what_stands_behind_two_dashes_is_never_an_option(run: Callable[..., Ran]) -> None:
    assert in_front(["project", "new", "--", "--as", "x"]) == ["project", "new", "--", "--as", "x"]
