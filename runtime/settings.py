"""Settings: flags, then `YIRIBAN_*`, then `yiriban.toml`, then the default.

A secret is never written down here: a database URL with a password is given as `env:NAME` or
`file:PATH` and read when it is needed; so are the keys in the URLs of channels.

    [channels]
    email = "smtp+starttls://yiriban@mail.example.cn:587/?from=yiriban@example.cn&password=env:MAIL"
    sms = ["aliyun-sms://AK@dysmsapi.aliyuncs.com/?secret=env:SMS&sign=…", "yunmas://…"]   # in order of preference
    bounces = "imaps://bounces@mail.example.cn/INBOX?password=env:BOUNCES"
    drop = "folder"                                             # files, for every channel not named here

What concerns a program that runs for long ([http], [callbacks], [log]) is read by `runtime.listening`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from engine.errors import BadInput, NotFound
from runtime.listening import TABLES, Standing, read_standing, refuse_unknown

Lang = Literal["zh", "en"]

LANGS: dict[str, Lang] = {"zh": "zh", "en": "en"}
CONFIG_FILE = "yiriban.toml"
SHIPPED_WORKFLOWS = Path(__file__).resolve().parent.parent / "workflows"
CHANNELS = "channels"
CHANNEL_KEYS = ("email", "sms", "wecom", "dingtalk", "webhook", "bounces", "drop")
"""What may be said of channels: how each is served, where bounces come back to, where files are dropped."""
_KEYS = {"lang": "zh", "as": "", "database": "yiriban.db", "workflows": str(SHIPPED_WORKFLOWS)}


@dataclass(frozen=True, slots=True)
class Settings:
    """What holds for one run of the program.

    ``database`` is a URL whose secret parts have been resolved; ``person`` is who acts (``--as``),
    empty where nobody is named; ``workflows`` is the folder of workflow files in force. ``channels`` has
    the addresses of each channel in the order of preference, secrets still as references; ``standing`` is
    what `yiriban run` needs beside.
    """

    lang: Lang = "zh"
    person: str = ""
    database: str = "sqlite:///yiriban.db"
    workflows: Path = SHIPPED_WORKFLOWS
    channels: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    standing: Standing = field(default_factory=Standing)


def read_settings(
    flags: Mapping[str, str | None], environ: Mapping[str, str], folder: Path | None = None
) -> Settings:
    """Put the sources together; ``flags`` has the keys ``lang, as, database, workflows``.

    Raises ``BadInput`` for an unknown key, an unreadable file, a language we do not speak or a
    password in clear text, ``NotFound`` for a reference or a folder that leads nowhere.
    """
    folder = folder or Path.cwd()
    written = _read_config(folder / CONFIG_FILE)
    chosen: dict[str, tuple[str, str]] = {}
    for key, default in _KEYS.items():
        variable = f"YIRIBAN_{key.upper()}"
        sources = (
            (f"--{key}", flags.get(key)),
            (variable, environ.get(variable) or None),
            (CONFIG_FILE, _plain(key, written)),
            ("", default),
        )
        chosen[key] = next((source, value) for source, value in sources if value is not None)
    return Settings(
        lang=_lang(*chosen["lang"]),
        person=chosen["as"][1].strip(),
        database=_database(*chosen["database"], environ),
        workflows=_folder(*chosen["workflows"]),
        channels=_channels(written.get(CHANNELS, {}), environ),
        standing=read_standing(written, environ),
    )


def spoken_language(args: Sequence[str], environ: Mapping[str, str]) -> Lang:
    """Guess the language before anything has been checked, so that even that refusal is understood."""
    wish = environ.get("YIRIBAN_LANG", "zh")
    for place, arg in enumerate(args):
        if arg == "--lang" and place + 1 < len(args):
            wish = args[place + 1]
        elif arg.startswith("--lang="):
            wish = arg.removeprefix("--lang=")
    return "en" if wish == "en" else "zh"


def resolve(reference: str, environ: Mapping[str, str]) -> str:
    """Read the secret that ``env:NAME`` or ``file:PATH`` points to; other text is returned as it is."""
    kind, _, name = reference.partition(":")
    if kind == "env":
        if not environ.get(name):
            raise NotFound(
                f"环境变量 {name} 没有设置",
                why=f"配置写的是 {reference}",
                then=f"先设置环境变量 {name}，再运行",
            )
        return environ[name].strip()
    if kind == "file":
        try:
            return Path(name).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise NotFound(f"读不到密钥文件：{name}", why=str(error), then="检查路径和读取权限") from error
    return reference


def _read_config(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        written = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadInput(
            f"配置文件读不懂：{path.name}", why=str(error), then="改正该处，文件须为 UTF-8 编码的 TOML"
        ) from error
    refuse_unknown(written, (*_KEYS, CHANNELS, *TABLES), path.name)
    return written


def _plain(key: str, written: Mapping[str, Any]) -> str | None:
    value = written.get(key)
    if value is not None and not isinstance(value, str):
        raise BadInput(f"{CONFIG_FILE} 的 {key} 必须是文字", then=f'写成 {key} = "..."')
    return value


def _channels(written: object, environ: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Read the table of channels; ``YIRIBAN_CHANNELS_SMS`` and the like go first, several with spaces between."""
    if not isinstance(written, dict):
        raise BadInput(f"{CONFIG_FILE} 的 {CHANNELS} 必须是一节", then=f"写成 [{CHANNELS}]，每个渠道一行")
    refuse_unknown(written, CHANNEL_KEYS, f"{CONFIG_FILE} 的 [{CHANNELS}]")
    found: dict[str, tuple[str, ...]] = {}
    for key in CHANNEL_KEYS:
        told = environ.get(f"YIRIBAN_{CHANNELS.upper()}_{key.upper()}")
        value = (told.split() if key != "drop" else [told]) if told else written.get(key, [])
        listed = [value] if isinstance(value, str) else value
        if not isinstance(listed, list) or not all(isinstance(one, str) and one.strip() for one in listed):
            raise BadInput(
                f"{CONFIG_FILE} 的 {CHANNELS}.{key} 写得不对",
                then=f'写成 {key} = "地址"，或 {key} = ["地址", "地址"]',
            )
        if listed:
            found[key] = tuple(one.strip() for one in listed)
    return found


def _lang(source: str, value: str) -> Lang:
    if value in LANGS:
        return LANGS[value]
    raise BadInput(f"没有这种语言：{value}", why=f"来自 {source}，只有 zh 和 en", then="写 zh 或 en")


def _folder(source: str, value: str) -> Path:
    folder = Path(value)
    if folder.is_dir():
        return folder
    raise NotFound(f"没有这个流程文件夹：{value}", why=f"来自 {source}", then="检查路径")


def _database(source: str, value: str, environ: Mapping[str, str]) -> str:
    # Flags show up in the list of processes and the file in backups; an environment variable does not.
    if source in ("--database", CONFIG_FILE) and "://" in value and urlsplit(value).password:
        raise BadInput(
            "数据库地址里写有明文密码",
            why=f"来自 {source}，密码只能引用",
            then="写成 env:变量名 或 file:路径",
        )
    address = resolve(value, environ)
    if not address:
        raise BadInput("数据库地址是空的", why=f"来自 {source}", then="写文件路径或数据库 URL")
    return address if "://" in address else f"sqlite:///{Path(address).as_posix()}"
