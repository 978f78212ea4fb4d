"""Tencent Cloud SMS (2021-01-11) over its wire protocol, signed with TC3-HMAC-SHA256. 腾讯云短信

    tencent-sms://SECRET_ID@sms.tencentcloudapi.com/?secret=env:NAME&app=1400000000&sign=短信签名

Further settings: ``region`` (ap-guangzhou), ``echo=1``, ``lag`` (300), ``timeout``, ``ca``, ``proxy``,
``base_url``. The text goes out as the template that ``providers: {tencent: ...}`` of its wording names, its
parameters in the order written there. ``SessionContext`` is our reference. Tencent gives it back in receipts
only for accounts for which it has switched that on: say so by ``echo=1``. Without it a lost answer can be
confirmed by nobody, and receipts are matched by ``SerialNo``.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from threading import Lock
from typing import Any

from engine.delivery import UNASKABLE, Outcome, Receipt, ReceiptState, Waiting
from engine.workflow import TextDef
from notifiers.address import Address, Secret
from notifiers.http import WAYS, Answer, Http, NoAnswer, NotSent, door, fate
from notifiers.sms import (
    Codes,
    by_status,
    digits,
    handed,
    inside,
    midnight,
    moment,
    not_posted,
    number,
    posted,
    rows,
    template_of,
    too_soon,
    word,
)

PROVIDER = "tencent"
WHO = "腾讯云"
VERSION = "2021-01-11"
ALGORITHM = "TC3-HMAC-SHA256"
BATCH = 100
KEPT = timedelta(days=7)
"""For so long Tencent knows what it sent."""
PATIENCE = timedelta(minutes=10)
"""After so long a message whose receipt did not come out of the queue is asked for by its number."""
_SIGNED = "content-type;host;x-tc-action"
_JSON = "application/json; charset=utf-8"

CODES = Codes(
    WHO,
    {
        "retry": {
            "RequestLimitExceeded*": "请求过多",
            "InternalError.OtherError": "系统错误",
            "InternalError": "系统错误",
            "ResourceUnavailable*": "服务暂不可用",
            "ResourceInsufficient*": "服务暂不可用",
        },
        "unknown": {
            "InternalError.Timeout": "下发超时，是否收下不明",
            "InternalError.SendAndRecvFail": "收发超时，是否收下不明",
            "InternalError.ParseBackendResponseFail": "运营商的答复看不懂",
            "InternalError.UnknownError": "未知错误",
        },
        "quota": {
            "LimitExceeded.PhoneNumber*": "超过同一号码的发送频率",
            "LimitExceeded.DeliveryFrequencyLimit": "超过发送频率",
            "LimitExceeded.*": "超过发送限额",
        },
        "rejected": {
            "InvalidParameterValue.IncorrectPhoneNumber": "手机号码格式错误",
            "FailedOperation.PhoneNumberParseFail": "手机号码格式错误",
            "FailedOperation.PhoneNumberInBlacklist": "号码在免打扰名单",
            "FailedOperation.ContainSensitiveWord": "含有敏感词",
            "InvalidParameter.DirtyWordFound": "含有敏感词",
            "InvalidParameterValue.TemplateParameterLengthLimit": "参数超长",
            "InvalidParameterValue.TemplateParameterFormatError": "参数格式错误",
            "InvalidParameterValue.ProhibitedUseUrlInTemplateParameter": "参数里不能有网址",
            "InvalidParameterValue.ContentLengthLimit": "短信超长",
            "UnsupportedOperation.*": "不能发往这个号码",
        },
        "config": {
            "AuthFailure*": "密钥不对或没有权限",
            "FailedOperation.SignatureIncorrectOrUnapproved": "短信签名不存在或未审核",
            "FailedOperation.MissingSignature*": "短信签名不存在或未审核",
            "FailedOperation.Template*": "模板不存在、未审核或参数个数不符",
            "FailedOperation.MissingTemplate*": "模板不存在或未审核",
            "FailedOperation.InsufficientBalanceInSmsPackage": "套餐包余量不足",
            "InvalidParameterValue.SdkAppIdNotExist": "应用编号（app）不存在",
            "InvalidParameterValue.UnsupportedTemplateVariable": "账号不能用带参数的模板",
            "InternalError.RequestTimeException": "本机时间与服务商相差过大",
            "InternalError.Sig*": "请求的签名不完整",
            "InternalError.RestApiInterfaceNotExist": "接口不存在",
            "UnauthorizedOperation*": "没有权限、欠费或 IP 不在白名单",
            "InvalidAction*": "接口不存在",
            "UnsupportedRegion*": "地域（region）不对",
        },
    },
    contact=frozenset(
        {"InvalidParameterValue.IncorrectPhoneNumber", "FailedOperation.PhoneNumberParseFail",
         "FailedOperation.PhoneNumberInBlacklist"}
    ),
)  # fmt: skip
_FATES: dict[str, ReceiptState] = {"SUCCESS": "delivered", "FAIL": "undelivered"}


def from_address(
    address: Address,
    secret: Secret,
    texts: Mapping[str, TextDef],
    *,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> TencentSms:
    """Set the channel up from its URL; raise ``BadInput`` for what is missing or unknown in it.

    ``clock`` dates the signatures, which Tencent accepts for 5 minutes.
    """
    address.only(*WAYS, "secret", "app", "sign", "region", "echo", "lag")
    return TencentSms(
        door(address),
        host=address.host if address.port is None else f"{address.host}:{address.port}",
        key=address.user,
        secret=address.secret("secret", secret),
        app=address.text("app"),
        sign=address.text("sign"),
        region=address.text("region", "ap-guangzhou"),
        texts=texts,
        echo=address.switch("echo", False),
        lag=timedelta(seconds=address.number("lag", 300, most=3600)),
        clock=clock,
    )


class Push:
    """What Tencent posts by itself (下发状态通知): a JSON array of at most a hundred entries."""

    def read(self, body: bytes, now: datetime) -> Sequence[Receipt]:
        """Return the receipts in the array, by ``sid``, and by our reference where the account echoes it (``ext``)."""
        told = posted(body, WHO)
        if not isinstance(told, list):
            raise not_posted(WHO)
        return list(_receipts(map(_as_pulled, rows(told)), now))

    def answer(self, kept: bool) -> tuple[str, bytes]:
        """Return what Tencent wants to hear; after anything else it posts twice more."""
        said = {"result": 0, "errmsg": "OK"} if kept else {"result": 1, "errmsg": "try again later"}
        return "application/json", json.dumps(said).encode()


class TencentSms:
    """The channel; one object serves all threads."""

    pushing = Push()

    def __init__(
        self, http: Http, *, host: str, key: str, secret: str, app: str, sign: str, region: str,
        texts: Mapping[str, TextDef], echo: bool, lag: timedelta, clock: Callable[[], datetime],
    ) -> None:  # fmt: skip
        """Bind to an account; nothing is connected yet."""
        self._http = http
        self._host = host
        self._key = key
        self._secret = secret
        self._app = app
        self._sign = sign
        self._region = region
        self._texts = texts
        self._echo = echo
        self._lag = lag
        self._clock = clock
        self._held: list[Receipt] = []
        """What came out of the queue and nobody has said to be kept."""
        self._lock = Lock()

    def send(self, message: Waiting, now: datetime) -> Outcome:
        """Submit one message (``SendSms``); what Tencent answers never raises."""
        found = template_of(self._texts, message, PROVIDER, WHO, now)
        if isinstance(found, Outcome):
            return found
        kept, values = found
        asked = {
            "PhoneNumberSet": [number(message.address, "+86")],
            "SmsSdkAppId": self._app,
            "SignName": self._sign,
            "TemplateId": kept.code,
            "TemplateParamSet": list(values.values()),
            "SessionContext": message.reference,
        }
        try:
            answer = self._call("SendSms", asked)
        except (NotSent, NoAnswer) as error:
            return fate(error)
        return _read(answer, now)

    def ask(self, message: Waiting) -> Outcome:
        """Look for the message among those of its number; without ``echo`` absence proves nothing."""
        now = self._clock()
        try:
            found = list(self._of_number(number(message.address, "+86"), handed(message), now))
        except _Trouble as trouble:
            return Outcome("unknown", f"{WHO}：没有查成", code=trouble.code, down=not trouble.code)
        for row in found:
            if row.get("SessionContext") == message.reference or _is(row, message.provider_id):
                return Outcome("accepted", f"{WHO}：查到了", provider_id=digits(row.get("SerialNo")))
        if not self._echo:
            return Outcome("unknown", f"{WHO}：账号没有开通回传 SessionContext，无法查对", code=UNASKABLE)
        if len(found) >= BATCH or too_soon(message, now, self._lag):
            return Outcome("unknown", f"{WHO}：还查不到，稍后再查")
        return Outcome("retry", f"{WHO}：没有收到过")

    def receipts(self, messages: Sequence[Waiting], now: datetime) -> Sequence[Receipt]:
        """Take one batch (100) out of the account's queue, then ask by number for what is missing for long.

        The queue never repeats what it gave, so the next batch is taken only once ``confirm`` has said that
        this one is kept. What belongs to other programs of the account comes along with an unknown reference.
        """
        found = self._batch(now)
        told_of = {r.reference for r in found} | {r.provider_id for r in found}
        late = [m for m in messages
                if now - handed(m) >= PATIENCE and told_of.isdisjoint({m.reference, m.provider_id} - {""})]  # fmt: skip
        since: dict[str, datetime] = {}
        for message in late:
            phone = number(message.address, "+86")
            since[phone] = min(since.get(phone, now), handed(message))
        try:
            for phone, first in since.items():
                found += _receipts(self._of_number(phone, first, now), now)
        except _Trouble:
            pass  # the rest is asked for next time
        return found

    def confirm(self) -> None:
        """Hear that the receipts of the last call are kept."""
        with self._lock:
            self._held = []

    @property
    def cautions(self) -> tuple[str, ...]:
        """What people must be told whenever they look at this channel, in Chinese."""
        return self._http.cautions

    def rest(self) -> None:
        """Let go of the connections until there is something to send again."""
        self._http.rest()

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()

    def _batch(self, now: datetime) -> list[Receipt]:
        with self._lock:
            if not self._held:
                try:
                    told = self._rows("PullSmsSendStatus", {"Limit": BATCH, "SmsSdkAppId": self._app})
                    self._held = list(_receipts(told, now))
                except _Trouble:
                    pass  # not every account may use the queue; by number it goes as well
            return list(self._held)

    def _of_number(self, phone: str, first: datetime, now: datetime) -> Iterator[Mapping[str, Any]]:
        """Walk what was sent to ``phone`` since ``first``, less a minute for clocks that differ."""
        begin = max(first - timedelta(minutes=1), now - KEPT)
        asked = {
            "BeginTime": int(begin.timestamp()),
            "EndTime": int((now + timedelta(minutes=1)).timestamp()),
            "Offset": 0,
            "Limit": BATCH,
            "PhoneNumber": phone,
            "SmsSdkAppId": self._app,
        }
        return self._rows("PullSmsSendStatusByPhoneNumber", asked)

    def _rows(self, action: str, asked: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        try:
            told = self._call(action, asked, own=True).json()
        except (NotSent, NoAnswer) as error:
            raise _Trouble("") from error
        listed = inside(told, "Response", "PullSmsSendStatusSet")
        if not isinstance(listed, list):
            raise _Trouble(word(inside(told, "Response", "Error", "Code")))
        return rows(listed)

    def _call(self, action: str, asked: Mapping[str, Any], *, own: bool = False) -> Answer:
        body = json.dumps(asked, ensure_ascii=False).encode()
        now = self._clock()
        headers = {
            "host": self._host,
            "content-type": _JSON,
            "x-tc-action": action,
            "x-tc-version": VERSION,
            "x-tc-region": self._region,
            "x-tc-timestamp": str(int(now.timestamp())),
            "authorization": self._signed(action, body, now),
        }
        return self._http.call("POST", "/", body=body, headers=headers, own=own)

    def _signed(self, action: str, body: bytes, now: datetime) -> str:
        day = f"{now.astimezone(UTC):%Y-%m-%d}"
        lines = f"content-type:{_JSON}\nhost:{self._host.lower()}\nx-tc-action:{action.lower()}\n"
        asked = "\n".join(("POST", "/", "", lines, _SIGNED, sha256(body).hexdigest()))
        scope = f"{day}/sms/tc3_request"
        text = f"{ALGORITHM}\n{int(now.timestamp())}\n{scope}\n{sha256(asked.encode()).hexdigest()}"
        key = f"TC3{self._secret}".encode()
        for part in (day, "sms", "tc3_request"):
            key = hmac.digest(key, part.encode(), "sha256")
        signature = hmac.digest(key, text.encode(), "sha256").hex()
        return f"{ALGORITHM} Credential={self._key}/{scope}, SignedHeaders={_SIGNED}, Signature={signature}"


class _Trouble(Exception):
    """A query was not answered; ``code`` is Tencent's word for it, if there is one."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def _read(answer: Answer, now: datetime) -> Outcome:
    told = inside(answer.json(), "Response")
    status = next(rows(inside(told, "SendStatusSet")), {})
    code = word(inside(told, "Error", "Code") or status.get("Code"))
    if code == "Ok":
        return Outcome("accepted", f"{WHO}已受理", provider_id=digits(status.get("SerialNo")))
    if not code or answer.status >= 500:
        # the table of errors: whatever a failing server says, it may have taken the message
        return by_status(WHO, answer, now, crashed="unknown")
    outcome = CODES.outcome(code)
    if outcome.kind != "quota":
        return outcome
    return Outcome("quota", outcome.detail, _until(code, now), code=code)


def _until(code: str, now: datetime) -> datetime | None:
    """Return when the window that ``code`` names opens again, ``None`` where it names none."""
    if "ThirtySecond" in code:
        return now + timedelta(seconds=30)
    if "OneHour" in code:
        return now + timedelta(hours=1)
    return midnight(now) if "Daily" in code else None


def _receipts(told: Iterable[Mapping[str, Any]], now: datetime) -> Iterator[Receipt]:
    for row in told:
        state = _FATES.get(str(row.get("ReportStatus")))
        serial = digits(row.get("SerialNo"))
        ours = digits(row.get("SessionContext"))
        if state is not None and (serial or ours):
            yield Receipt(
                channel="sms",
                state=state,
                at=moment(row.get("UserReceiveTime"), now),
                reference=ours,
                provider_id=serial,
                code=word(row.get("Description")),
            )


def _as_pulled(row: Mapping[str, Any]) -> dict[str, Any]:
    """Name an entry of a push as the queue names it: the same receipt then counts once."""
    names = {"ReportStatus": "report_status", "SerialNo": "sid", "SessionContext": "ext",
             "UserReceiveTime": "user_receive_time", "Description": "errmsg"}  # fmt: skip
    return {ours: row.get(theirs) for ours, theirs in names.items()}


def _is(row: Mapping[str, Any], provider_id: str) -> bool:
    return bool(provider_id) and row.get("SerialNo") == provider_id
