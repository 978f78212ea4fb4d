"""China Mobile's cloud MAS over HTTP: base64 of JSON, authenticated by an MD5 of its fields. 云MAS

    yunmas://AP_ID@HOST:PORT/?secret=env:NAME&ec=集团名称&sign=签名编码&mode=norsubmit

``mode=tmpsubmit`` sends the template that ``providers: {yunmas: ...}`` of the wording names instead of the
text. Further settings: ``serial`` (扩展码), ``timeout``, ``ca``, ``proxy``, ``base_url``. Certificates are
verified; the vendor's papers tell clients not to, which lets anybody read and alter the messages:
``verify_tls=0`` does so, and every start says it in the log. A path in the URL comes before ``/norsubmit``
(``/sms`` where there is none). Nobody can be asked what became of a message.
"""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping
from datetime import datetime
from hashlib import md5

from engine.delivery import UNASKABLE, Outcome, Waiting
from engine.workflow import TextDef
from notifiers.address import Address, Secret
from notifiers.http import WAYS, Answer, Http, NoAnswer, NotSent, door, fate
from notifiers.sms import Codes, by_status, digits, inside, number, template_of, word

PROVIDER = "yunmas"
WHO = "云MAS"
MODES = ("norsubmit", "tmpsubmit")

CODES = Codes(
    WHO,
    {
        "rejected": {
            "InvalidMessage": "内容或参数不合规",
            "TooManyMobiles": "号码过多",
        },
        "config": {
            "IllegalMac": "密钥不对（mac 校验失败）",
            "InvalidUsrOrPwd": "接口账号或密码不对",
            "IllegalSignId": "签名编码不对",
            "NoSignId": "没有签名编码",
            "IllegalTemplateId": "模板不存在或未审核",
        },
    },
    contact=frozenset(),
)


def from_address(address: Address, secret: Secret, texts: Mapping[str, TextDef]) -> YunMas:
    """Set the channel up from its URL; raise ``BadInput`` for what is missing or unknown in it."""
    address.only(*WAYS, "secret", "ec", "sign", "mode", "serial", "verify_tls")
    return YunMas(
        door(address, verify=address.switch("verify_tls", True)),
        path=address.path.rstrip("/") or "/sms",
        ap=address.user,
        secret=address.secret("secret", secret),
        ec=address.text("ec"),
        sign=address.text("sign"),
        serial=address.text("serial", ""),
        template=address.choice("mode", MODES, MODES[0]) == "tmpsubmit",
        texts=texts,
    )


class YunMas:
    """The channel; one object serves all threads."""

    def __init__(
        self, http: Http, *, path: str, ap: str, secret: str, ec: str, sign: str, serial: str, template: bool,
        texts: Mapping[str, TextDef],
    ) -> None:  # fmt: skip
        """Bind to an account; nothing is connected yet."""
        self._http = http
        self._path = path
        self._ap = ap
        self._secret = secret
        self._ec = ec
        self._sign = sign
        self._serial = serial
        self._template = template
        self._texts = texts

    def send(self, message: Waiting, now: datetime) -> Outcome:
        """Submit one message to one number; what the platform answers never raises."""
        said: dict[str, str] = {"content": message.text}
        if self._template:
            found = template_of(self._texts, message, PROVIDER, WHO, now)
            if isinstance(found, Outcome):
                return found
            kept, values = found
            params = json.dumps(list(values.values()), ensure_ascii=False)
            said = {"templateId": kept.code, "params": params}
        try:
            answer = self._submit(message, said)
        except (NotSent, NoAnswer) as error:
            return fate(error)
        return _read(answer, now)

    def ask(self, message: Waiting) -> Outcome:
        """Nobody can be asked."""
        return Outcome("unknown", f"{WHO}没有查询接口", code=UNASKABLE)

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

    def _submit(self, message: Waiting, said: Mapping[str, str]) -> Answer:
        mobile = number(message.address)
        first = [said["templateId"]] if self._template else []
        text = said["params"] if self._template else said["content"]
        signed = [self._ec, self._ap, self._secret, *first, mobile, text, self._sign, self._serial]
        asked = {
            "ecName": self._ec,
            "apId": self._ap,
            **said,
            "mobiles": mobile,
            "sign": self._sign,
            "addSerial": self._serial,
            # what the protocol wants; what protects the message is TLS
            "mac": md5("".join(signed).encode(), usedforsecurity=False).hexdigest(),
        }
        body = b64encode(json.dumps(asked, ensure_ascii=False).encode())
        where = f"{self._path}/{MODES[1] if self._template else MODES[0]}"
        # the protocol has no place for our reference; in a header it stands in the platform's log at best
        headers = {"content-type": "text/plain; charset=utf-8", "x-request-id": message.reference}
        return self._http.call("POST", where, body=body, headers=headers)


def _read(answer: Answer, now: datetime) -> Outcome:
    told = answer.json()
    code = word(inside(told, "rspcod"))
    if answer.status == 200 and inside(told, "success") is True and code in ("success", ""):
        return Outcome("accepted", f"{WHO}已受理", provider_id=digits(inside(told, "msgGroup")))
    if not code or code == "success":
        return by_status(WHO, answer, now)
    return CODES.outcome(code)
