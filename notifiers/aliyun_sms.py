"""Aliyun SMS (Dysmsapi 2017-05-25) over its wire protocol, signed with ACS3-HMAC-SHA256. 阿里云短信

    aliyun-sms://ACCESS_KEY@dysmsapi.aliyuncs.com/?secret=env:NAME&sign=短信签名

Further settings: ``timeout``, ``ca``, ``proxy``, ``base_url`` (a gateway on the way; the signature stays that
for the host), ``lag`` (seconds until a message handed over is sure to be found, 120). The text goes out as
the template that ``providers: {aliyun: ...}`` of its wording names. ``OutId`` is our reference: by it a
message is found again, on the days from handing over to now (Aliyun keeps 30).
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from hashlib import sha256
from secrets import token_hex
from typing import Any
from urllib.parse import quote

from engine.delivery import Blame, Outcome, Receipt, ReceiptState, Waiting
from engine.workflow import TextDef
from notifiers.address import Address, Secret
from notifiers.http import WAYS, Answer, Http, NoAnswer, NotSent, door, fate
from notifiers.sms import (
    BEIJING,
    IN_A_ROW,
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
)  # fmt: skip

PROVIDER = "aliyun"
WHO = "阿里云"
VERSION = "2017-05-25"
ALGORITHM = "ACS3-HMAC-SHA256"
PAGE = 50
KEPT = 30
"""Days for which Aliyun answers."""

CODES = Codes(
    WHO,
    {
        "retry": {
            "SYSTEM_ERROR": "系统错误",
            "ServiceUnavailable*": "服务暂不可用",
            "Throttling*": "请求过多",
            "InternalError": "系统错误",
        },
        "quota": {
            "BUSINESS_LIMIT_CONTROL": "超过同一号码的发送频率",
            "DAY_LIMIT*": "超过日发送限额",
            "MONTH_LIMIT*": "超过月发送限额",
        },
        "rejected": {
            "MOBILE_NUMBER_ILLEGAL": "手机号码格式错误",
            "BLACK_KEY_CONTROL_LIMIT": "参数含有禁用的词",
            "PARAM_LENGTH_LIMIT": "参数超长",
            "PARAM_NOT_SUPPORT_URL": "参数里不能有网址",
            "TEMPLATE_MISSING_PARAMETERS": "模板缺少参数",
            "TEMPLATE_PARAMS_ILLEGAL": "模板参数不合规",
        },
        "config": {
            "SMS_TEMPLATE_ILLEGAL": "模板不存在或未审核",
            "SMS_SIGNATURE_ILLEGAL": "短信签名不存在或未审核",
            "SMS_SIGNATURE_SCENE_ILLEGAL": "签名与模板的场景不符",
            "SIGN_STATE_ILLEGAL": "短信签名状态不可用",
            "SIGN_NAME_ILLEGAL": "短信签名不符合规定",
            "SignatureDoesNotMatch*": "密钥不对",
            "IncompleteSignature*": "请求的签名不完整",
            "InvalidTimeStamp*": "本机时间与服务商相差过大",
            "InvalidAccessKeyId*": "AccessKey 不存在或已停用",
            "Forbidden*": "没有权限",
            "NoPermission*": "没有权限",
            "RAM_PERMISSION_DENY": "没有权限",
            "OUT_OF_SERVICE": "业务停机，多为欠费",
            "AMOUNT_NOT_ENOUGH": "余额不足",
            "ACCOUNT_*": "账户异常",
            "PRODUCT_UN*": "没有开通短信服务",
            "DENY_IP_RANGE": "本机的 IP 不在白名单",
        },
        # the same request came twice, so a machine in between repeated it: the first may have been taken
        "unknown": {"SignatureNonceUsed*": "请求被重复提交"},
    },
    contact=frozenset({"MOBILE_NUMBER_ILLEGAL"}),
)
_CONTACT = ("MOBILE_NOT_ON_SERVICE", "MOBILE_ACCOUNT_ABNORMAL", "USER_REJECT", "MOBILE_IN_BLACK")
_CONTENT = ("CONTENT_KEYWORD", "CONTENT_ERROR")
_FATES: dict[int, ReceiptState] = {2: "undelivered", 3: "delivered"}


def from_address(
    address: Address,
    secret: Secret,
    texts: Mapping[str, TextDef],
    *,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> AliyunSms:
    """Set the channel up from its URL; raise ``BadInput`` for what is missing or unknown in it.

    ``clock`` dates the signatures, which Aliyun accepts for 15 minutes.
    """
    address.only(*WAYS, "secret", "sign", "lag")
    return AliyunSms(
        door(address),
        host=address.host if address.port is None else f"{address.host}:{address.port}",
        key=address.user,
        secret=address.secret("secret", secret),
        sign=address.text("sign"),
        texts=texts,
        lag=timedelta(seconds=address.number("lag", 120, most=3600)),
        clock=clock,
    )


class Push:
    """What Aliyun posts by itself (``SmsReport`` by HTTP): a JSON array, many messages in one."""

    def read(self, body: bytes, now: datetime) -> Sequence[Receipt]:
        """Return the receipts in the array; entries of other programs of the account come along."""
        told = posted(body, WHO)
        if not isinstance(told, list):
            raise not_posted(WHO)
        return [receipt for row in rows(told) if (receipt := _pushed(row, now)) is not None]

    def answer(self, kept: bool) -> tuple[str, bytes]:
        """Return what Aliyun wants to hear; after anything else it posts again in 1, 5 and 10 minutes."""
        said = {"code": 0, "msg": "接收成功"} if kept else {"code": 1, "msg": "稍后再推"}
        return "application/json", json.dumps(said, ensure_ascii=False).encode()


class AliyunSms:
    """The channel; one object serves all threads."""

    pushing = Push()

    def __init__(
        self, http: Http, *, host: str, key: str, secret: str, sign: str, texts: Mapping[str, TextDef],
        lag: timedelta, clock: Callable[[], datetime],
    ) -> None:  # fmt: skip
        """Bind to an account; nothing is connected yet."""
        self._http = http
        self._host = host
        self._key = key
        self._secret = secret.encode()
        self._sign = sign
        self._texts = texts
        self._lag = lag
        self._clock = clock

    def send(self, message: Waiting, now: datetime) -> Outcome:
        """Submit one message (``SendSms``); what Aliyun answers never raises."""
        found = template_of(self._texts, message, PROVIDER, WHO, now)
        if isinstance(found, Outcome):
            return found
        kept, values = found
        asked = {
            "PhoneNumbers": number(message.address),
            "SignName": self._sign,
            "TemplateCode": kept.code,
            "OutId": message.reference,
        }
        if values:
            asked["TemplateParam"] = json.dumps(values, ensure_ascii=False)
        try:
            answer = self._call("SendSms", asked)
        except (NotSent, NoAnswer) as error:
            return fate(error)
        return _read(answer, now)

    def ask(self, message: Waiting) -> Outcome:
        """Look for the message by our reference; what was handed over within ``lag`` is not missing yet."""
        now = self._clock()
        try:
            for day in _days(message, now):
                for row in self._sent(number(message.address), day, own=True):
                    if row.get("OutId") == message.reference:
                        return Outcome("accepted", f"{WHO}：查到了")
        except _Trouble as trouble:
            return Outcome("unknown", f"{WHO}：没有查成", code=trouble.code, down=not trouble.code)
        if too_soon(message, now, self._lag):
            return Outcome("unknown", f"{WHO}：还查不到，稍后再查")
        return Outcome("retry", f"{WHO}：没有收到过")

    def receipts(self, messages: Sequence[Waiting], now: datetime) -> Sequence[Receipt]:
        """Return what is known of ``messages``: one query (page) for each number and day."""
        ours = {m.reference: m for m in messages}
        found: dict[str, Receipt] = {}
        troubles = 0
        for phone, day in dict.fromkeys((number(m.address), d) for m in messages for d in _days(m, now)):
            try:
                for row in self._sent(phone, day):
                    message = ours.get(str(row.get("OutId")))
                    receipt = None if message is None else _receipt(row, message, now)
                    if receipt is not None:
                        found.setdefault(receipt.reference, receipt)
                troubles = 0
            except _Trouble:
                troubles += 1
                if troubles == IN_A_ROW:
                    break  # what was found so far counts; the rest is asked for next time
        return list(found.values())

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

    def _sent(self, phone: str, day: date, *, own: bool = False) -> Iterator[Mapping[str, Any]]:
        """Walk all that Aliyun knows to have been sent to ``phone`` on ``day``; raise ``_Trouble``.

        ``own``: over connections of their own, for then what is not found is sent again.
        """
        page = 1
        while True:
            asked = {
                "PhoneNumber": phone,
                "SendDate": f"{day:%Y%m%d}",
                "PageSize": str(PAGE),
                "CurrentPage": str(page),
            }
            try:
                told = self._call("QuerySendDetails", asked, own=own).json()
            except (NotSent, NoAnswer) as error:
                raise _Trouble("") from error
            if inside(told, "Code") != "OK":
                raise _Trouble(word(inside(told, "Code")))
            found = list(rows(inside(told, "SmsSendDetailDTOs", "SmsSendDetailDTO")))
            yield from found
            total = digits(inside(told, "TotalCount"))
            if len(found) < PAGE or page * PAGE >= int(total if total.isdigit() else 0):
                return
            page += 1

    def _call(self, action: str, asked: Mapping[str, str], *, own: bool = False) -> Answer:
        query = "&".join(f"{_quote(k)}={_quote(v)}" for k, v in sorted(asked.items()))
        headers = {
            "host": self._host,
            "x-acs-action": action,
            "x-acs-content-sha256": sha256(b"").hexdigest(),
            "x-acs-date": f"{self._clock().astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "x-acs-signature-nonce": token_hex(16),
            "x-acs-version": VERSION,
        }
        headers["authorization"] = self._signed(query, headers)
        headers["accept"] = "application/json"
        return self._http.call("POST", f"/?{query}", headers=headers, own=own)

    def _signed(self, query: str, headers: Mapping[str, str]) -> str:
        names = ";".join(sorted(headers))
        lines = "".join(f"{name}:{headers[name]}\n" for name in sorted(headers))
        asked = "\n".join(("POST", "/", query, lines, names, headers["x-acs-content-sha256"]))
        text = f"{ALGORITHM}\n{sha256(asked.encode()).hexdigest()}"
        signature = hmac.digest(self._secret, text.encode(), "sha256").hex()
        return f"{ALGORITHM} Credential={self._key},SignedHeaders={names},Signature={signature}"


class _Trouble(Exception):
    """A query was not answered; ``code`` is Aliyun's word for it, if there is one."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


def _read(answer: Answer, now: datetime) -> Outcome:
    told = answer.json()
    code = word(inside(told, "Code"))
    if code == "OK" and answer.status == 200:
        return Outcome("accepted", f"{WHO}已受理", provider_id=digits(inside(told, "BizId")))
    if not code or code == "OK":
        return by_status(WHO, answer, now)
    outcome = CODES.outcome(code, code.removeprefix("isv.").removeprefix("isp."))
    if outcome.kind != "quota":
        return outcome
    return Outcome("quota", outcome.detail, _until(code, str(inside(told, "Message")), now), code=code)


def _until(code: str, says: str, now: datetime) -> datetime:
    """Return when the window opens again; Aliyun names it in the text only (分钟级、小时级、天级)."""
    if "MONTH" in code:
        this = now.astimezone(BEIJING).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
        return (this + timedelta(days=32)).replace(day=1).astimezone(now.tzinfo)
    if "分钟" in says:
        return now + timedelta(minutes=1)
    if "小时" in says:
        return now + timedelta(hours=1)
    return midnight(now)


def _days(message: Waiting, now: datetime) -> list[date]:
    """Return the days in Beijing on which the message may have been sent, the likeliest first."""
    first = handed(message).astimezone(BEIJING).date()
    last = now.astimezone(BEIJING).date()
    if message.handed_at is not None:
        last = min(last, first + timedelta(days=1))  # handed over just before midnight
        return [first + timedelta(days=n) for n in range((last - first).days + 1)] or [first]
    first = max(min(first, last), last - timedelta(days=KEPT - 1))
    return [last - timedelta(days=n) for n in range((last - first).days + 1)]


def _receipt(row: Mapping[str, Any], message: Waiting, now: datetime) -> Receipt | None:
    state = _FATES.get(row.get("SendStatus", 0))
    if state is None:
        return None
    code = word(row.get("ErrCode"))
    return Receipt(
        channel=message.channel,
        state=state,
        at=moment(row.get("ReceiveDate"), now),
        reference=message.reference,
        provider_id=message.provider_id,
        code=code,
        blame=_blamed(state, code),
    )


def _pushed(row: Mapping[str, Any], now: datetime) -> Receipt | None:
    """Read one entry of a push; the same codes as a query gives, so that the same receipt counts once."""
    success, ours, ident = row.get("success"), digits(row.get("out_id")), digits(row.get("biz_id"))
    if not isinstance(success, bool) or not (ours or ident):
        return None
    state: ReceiptState = "delivered" if success else "undelivered"
    code = word(row.get("err_code"))
    return Receipt(
        channel="sms", state=state, at=moment(row.get("report_time"), now), reference=ours, provider_id=ident,
        code=code, blame=_blamed(state, code),
    )  # fmt: skip


def _blamed(state: ReceiptState, code: str) -> Blame:
    if state == "delivered":
        return ""
    return "contact" if code in _CONTACT else "content" if code in _CONTENT else ""


@lru_cache(512)  # most of what is quoted is the same in every request
def _quote(text: str) -> str:
    return quote(text, safe="~")
