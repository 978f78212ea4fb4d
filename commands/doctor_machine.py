"""Checks of the machine and the settings: programs, paths, disk, time zone."""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

from commands.doctor_patient import Check, Patient, Said
from commands.printing import SHANGHAI
from commands.room import sqlite_file
from runtime.assembly import calendars_folder
from runtime.settings import CONFIG_FILE
from storage.claims import journal_mode
from storage.inspection import OLDEST_SQLITE, sqlite_version

OLDEST_PYTHON = (3, 11)
FULL = 100 << 20
"""Bytes of free space below which work is about to stop."""
NARROW = 1 << 30
"""Bytes of free space below which somebody should think of it."""


def python(patient: Patient) -> Iterator[Said]:
    """Say which Python this is; one that is too old is a finding."""
    version = ".".join(map(str, sys.version_info[:3]))
    if tuple(sys.version_info[:2]) < OLDEST_PYTHON:
        oldest = ".".join(map(str, OLDEST_PYTHON))
        yield Said(
            "finding",
            f"Python {version}",
            patient.pick(f"需要 {oldest} 以上", f"{oldest} or later is needed"),
            patient.pick("换用新版 Python，重新安装一日办", "Install yiriban under a newer Python"),
        )
    else:
        yield Said("good", f"Python {version}")


def sqlite(patient: Patient) -> Iterator[Said]:
    """Say which SQLite this is and which journal mode it is trusted with; one too old is a finding."""
    version = ".".join(map(str, sqlite_version()))
    if sqlite_version() < OLDEST_SQLITE:
        oldest = ".".join(map(str, OLDEST_SQLITE))
        yield Said(
            "finding",
            f"SQLite {version}",
            patient.pick(f"需要 {oldest} 以上", f"{oldest} or later is needed"),
            patient.pick("换用自带新版 SQLite 的 Python", "Use a Python that brings a newer SQLite"),
        )
        return
    mode = journal_mode(sqlite_version())
    said = patient.pick(f"SQLite {version}，日志模式 {mode}", f"SQLite {version}, journal mode {mode}")
    if mode != "WAL":
        said += patient.pick("（这一版的 WAL 不可靠，不用）", " (the WAL of this version is not trusted)")
    yield Said("good", said)


def settings(patient: Patient) -> Iterator[Said]:
    """Say where the settings come from; whatever cannot be read in them is a finding."""
    found = patient.settings
    file = patient.folder / CONFIG_FILE
    if file.is_file():
        yield Said("good", patient.pick(f"读到 {CONFIG_FILE}", f"{CONFIG_FILE} read"))
    elif file.exists():
        yield Said(
            "finding",
            patient.pick(f"{CONFIG_FILE} 不是文件", f"{CONFIG_FILE} is no file"),
            patient.pick("配置没有生效", "Its settings do not hold"),
            patient.pick("把它移走，另写一个文件", "Move it away and write a file"),
        )
    else:
        yield Said(
            "good",
            patient.pick(
                f"没有 {CONFIG_FILE}，按选项、环境变量和默认值", f"no {CONFIG_FILE}: options, environment, defaults"
            ),
        )  # fmt: skip
    if not found.person:
        yield Said(
            "good",
            patient.pick(
                "没有写明由谁办理，办理时用 --as 或 YIRIBAN_AS", "nobody is named to act: --as or YIRIBAN_AS"
            ),
        )


def paths(patient: Patient) -> Iterator[Said]:
    """Every folder that is read can be read, and the database and its folder can be written."""
    wrong = False
    for folder in dict.fromkeys((patient.settings.workflows, calendars_folder(patient.settings))):
        if not os.access(folder, os.R_OK | os.X_OK):
            wrong = True
            yield Said(
                "finding",
                patient.pick(f"读不了文件夹 {folder}", f"The folder {folder} cannot be read"),
                patient.pick("没有读权限", "Access is denied"),
                patient.pick("请管理员开放读权限", "Ask the administrator for access"),
            )
    file = sqlite_file(patient.settings)
    if file is not None:
        for fault in _written(patient, file):
            wrong = True
            yield fault
    if not wrong:
        said = f"{patient.settings.workflows}" if file is None else f"{file}, {patient.settings.workflows}"
        yield Said("good", said)


def _written(patient: Patient, file: Path) -> Iterator[Said]:
    """Yield why the database could not be written. Its folder must be open too: for the journal."""
    ask = patient.pick("请管理员开放写权限，或换一个位置", "Ask for write access, or choose another place")
    folder = file.absolute().parent
    if not folder.is_dir():
        yield Said(
            "finding",
            patient.pick(f"没有文件夹 {folder}", f"There is no folder {folder}"),
            patient.pick("数据库应放在里面", "The database belongs there"),
            patient.pick("先建好文件夹，或改正 --database", "Make the folder, or put --database right"),
        )
    elif file.is_dir():
        yield Said(
            "finding",
            patient.pick(f"{file} 是一个文件夹", f"{file} is a folder"),
            patient.pick("数据库须是文件", "A database is a file"),
            patient.pick("用 --database 指向一个文件", "Name a file with --database"),
        )
    elif not os.access(folder, os.W_OK):
        yield Said(
            "finding",
            patient.pick(f"写不了文件夹 {folder}", f"The folder {folder} cannot be written"),
            patient.pick("数据库要在旁边写日志", "The database keeps its journal there"),
            ask,
        )
    elif file.exists() and not os.access(file, os.W_OK):
        yield Said(
            "finding",
            patient.pick(f"写不了数据库 {file}", f"The database {file} cannot be written"),
            patient.pick("没有写权限", "Access is denied"),
            ask,
        )


def disk(patient: Patient) -> Iterator[Said]:
    """Enough space is left where the database lies."""
    file = sqlite_file(patient.settings)
    folder = patient.folder if file is None else file.absolute().parent
    if not folder.is_dir():  # the check of the paths has said so
        return
    free = shutil.disk_usage(folder).free
    left = f"{free / (1 << 30):.1f} GB" if free >= 1 << 30 else f"{free >> 20} MB"
    what = patient.pick(f"剩余 {left}", f"{left} left")
    then = patient.pick("腾出空间，或把数据库移到更大的磁盘", "Free some space, or move the database")
    if free < FULL:
        why = patient.pick("磁盘写满后，办理和巡查都会失败", "On a full disk nothing can be recorded")
        yield Said("finding", what, why, then)
    elif free < NARROW:
        yield Said("hint", what, patient.pick("空间不多了", "That is not much"), then)
    else:
        yield Said("good", what)


def zone(patient: Patient) -> Iterator[Said]:
    """The zone that days are counted in is known here; a machine set to another one is a hint."""
    try:
        ZoneInfo.no_cache(SHANGHAI.key)
    except (KeyError, OSError, ValueError):
        yield Said(
            "finding",
            patient.pick(f"这台计算机没有时区 {SHANGHAI.key}", f"This machine does not know {SHANGHAI.key}"),
            patient.pick("天数按当地时区计算", "Days are counted in it"),
            patient.pick("安装时区数据：pip install tzdata", "Install it: pip install tzdata"),
        )
        return
    own = time.localtime(patient.now.timestamp()).tm_gmtoff
    there = patient.now.astimezone(SHANGHAI).utcoffset()
    if there is not None and own != there.total_seconds():
        yield Said(
            "hint",
            patient.pick(
                f"这台计算机的时区是 UTC{own / 3600:+g}，截止时间按 {SHANGHAI.key} 计",
                f"This machine lives at UTC{own / 3600:+g}; due moments are those of {SHANGHAI.key}",
            ),
            patient.pick("一日办不受影响，但别的程序显示的时间会不同", "Other programs show other times"),
            patient.pick("如要一致，把系统时区设为北京时间", "Set the machine to that zone if you wish"),
        )
    else:
        yield Said("good", SHANGHAI.key)


CHECKS = (
    Check("python", ("Python", "Python"), python),
    Check("sqlite", ("SQLite", "SQLite"), sqlite),
    Check("settings", ("配置", "settings"), settings),
    Check("paths", ("路径", "paths"), paths, ("settings",)),
    Check("disk", ("磁盘空间", "disk space"), disk, ("settings",)),
    Check("zone", ("时区", "time zone"), zone),
)
"""The checks of this module in their order."""
