"""File drop: mails as .eml, text messages as .json, for demonstrations and air-gapped networks. 文件投递

A file's name is our reference, so handing a message over twice leaves one file, and what became of a
message can always be asked.
"""

from __future__ import annotations

import json
from datetime import datetime
from email.message import EmailMessage
from email.utils import format_datetime
from pathlib import Path

from engine.delivery import Outcome, Waiting


class Drop:
    """Writes each message into ``folder``/mail or ``folder``/sms; files appear whole or not at all."""

    def __init__(self, folder: Path, channel: str, *, sender: str = "yiriban@localhost") -> None:
        """Bind to a folder and one of the channels ``email`` and ``sms``."""
        self._folder = folder / ("mail" if channel == "email" else "sms")
        self._suffix = ".eml" if channel == "email" else ".json"
        self._sender = sender

    def send(self, message: Waiting, now: datetime) -> Outcome:
        """Write the file; a full or missing folder is ``retry`` or ``config``, never an exception."""
        try:
            body = self._mail(message, now) if self._suffix == ".eml" else self._text(message, now)
        except ValueError as error:
            return Outcome("rejected", f"标题或地址不能用作邮件头：{error}")
        target = self._place(message)
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            part = target.with_suffix(".part")
            part.write_bytes(body)
            part.replace(target)
        except PermissionError as error:
            return Outcome("config", f"不能写入 {self._folder}：{error.strerror}")
        except OSError as error:
            return Outcome("retry", f"写入 {target.name} 失败：{error.strerror}")
        return Outcome("accepted", target.name)

    def ask(self, message: Waiting) -> Outcome:
        """Look whether the file is there."""
        return Outcome("accepted" if self._place(message).exists() else "retry", self._place(message).name)

    def _place(self, message: Waiting) -> Path:
        return self._folder / f"{message.created_at:%Y%m%d}-{message.reference}{self._suffix}"

    def _mail(self, message: Waiting, now: datetime) -> bytes:
        mail = EmailMessage()
        mail["From"] = self._sender
        mail["To"] = message.address
        mail["Subject"] = message.subject
        mail["Date"] = format_datetime(now)
        mail["Message-ID"] = f"<{message.reference}@yiriban>"
        mail.set_content(message.text)
        return mail.as_bytes()

    def _text(self, message: Waiting, now: datetime) -> bytes:
        told = {
            "reference": message.reference, "to": message.address, "text": message.text, "at": now.isoformat(),
        }  # fmt: skip
        return json.dumps(told, ensure_ascii=False, indent=2).encode()
