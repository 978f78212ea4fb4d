"""Mail over SMTP, against a server on loopback: encrypted, logged in, and unlucky in every way."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from pathlib import Path
from time import monotonic, sleep
from typing import ClassVar

import pytest

from engine.delivery import Kind, Outcome, Waiting
from engine.errors import BadInput
from notifiers.address import read_address
from notifiers.smtp import Phase, Reply, Smtp, from_address, judge
from tests.channels.contract import NOW, STRANGE, ChannelContract, open_to
from tests.fakes.smtp import MailServer, server_tls, trusted

TO = "zhang.wei@example.org"
PASSWORD = "mima-9f3k"
REF = "0123456789abcdef" * 2


def secrets(password: str = PASSWORD) -> dict[str, str]:
    return {"env:MAIL": password}


def channel(server: MailServer | int, settings: str = "", scheme: str = "smtp", user: str = "") -> Smtp:
    port = server if isinstance(server, int) else server.port
    login = f"{user}@" if user else ""
    url = f"{scheme}://{login}127.0.0.1:{port}/?from=sender@caizheng.example.cn{settings}"
    return from_address(read_address(url), secrets().__getitem__, {})


def mail(number: int = 1, *, to: str = TO, subject: str = "到期提醒", tries: int = 0) -> Waiting:
    return Waiting(f"k{number}", "email", "zhang", to, subject, "请抓紧办理。", NOW, tries)


@pytest.fixture
def server() -> Iterator[MailServer]:
    """A server without encryption or login."""
    with MailServer() as running:
        yield running


@contextmanager
def open_channel(server: MailServer, settings: str = "") -> Iterator[Smtp]:
    made = channel(server, settings)
    yield made
    made.close()


class TestSmtp(ChannelContract):
    """STARTTLS with a login, the certificate verified."""

    channel, to, secret, asks = "email", TO, PASSWORD, False
    dropped = "retry"
    table: ClassVar[dict[str, Kind]] = {
        **dict.fromkeys(("421", "450", "451", "452", "454", "451@end", "452@end", "450@mail"), "retry"),
        **dict.fromkeys(("550", "551", "553", "554", "550@end", "554@end"), "rejected"),
        "552": "retry",
        **dict.fromkeys(("530", "530@mail", "535", "550@mail", "553@mail", "554@mail"), "config"),
    }
    ca: ClassVar[Path]

    @pytest.fixture(autouse=True)
    def _trust(self, tmp_path: Path) -> None:
        type(self).ca = trusted(tmp_path)

    def peer(self) -> AbstractContextManager[MailServer]:
        return MailServer(user="yiriban", password=PASSWORD, tls=server_tls(), starttls=True)

    def connect(
        self, peer: MailServer, *, secret: str | None = None, port: int | None = None, timeout: float = 5.0
    ) -> Smtp:  # fmt: skip
        address = read_address(
            f"smtp+starttls://yiriban@127.0.0.1:{port or peer.port}/?from=sender@caizheng.example.cn"
            f"&password=env:MAIL&ca={self.ca}&timeout={timeout}"
        )
        return from_address(address, secrets(secret or PASSWORD).__getitem__, {})


def test_a_mail_says_who_sent_it_when_and_that_no_person_wrote_it(server: MailServer) -> None:
    with open_channel(
        server, "&name=采购办%20“一日办”&reply_to=desk@example.org&list=yiriban.example.org"
    ) as smtp:
        assert smtp.send(mail(subject=STRANGE), NOW).provider_id == "4B1C2D"
    [taken] = server.accepted
    read = taken.mail
    assert read["From"] == "采购办 “一日办” <sender@caizheng.example.cn>"
    assert (read["To"], read["Subject"], read["Reply-To"]) == (TO, STRANGE, "desk@example.org")
    assert read["Message-ID"] == f"<{mail().reference}@caizheng.example.cn>"
    assert (read["Auto-Submitted"], read["List-Id"]) == ("auto-generated", "<yiriban.example.org>")
    assert parsedate_to_datetime(str(read["Date"])) == NOW
    assert (read["MIME-Version"], read.get_content_charset()) == ("1.0", "utf-8")
    assert taken.sender == "sender@caizheng.example.cn"
    assert max(len(line) for line in taken.raw.splitlines()) <= 76
    assert taken.raw.isascii()


def test_where_bounces_are_gathered_each_mail_has_a_return_path_of_its_own(server: MailServer) -> None:
    with open_channel(server, "&bounces=tuixin@example.org") as smtp:
        smtp.send(mail(), NOW)
    assert server.accepted[0].sender == f"tuixin+{mail().reference}@example.org"


def test_no_name_or_subject_can_add_a_header_and_no_address_a_recipient(server: MailServer) -> None:
    with open_channel(server) as smtp:
        assert smtp.send(mail(subject="到期\r\nBcc: all@example.org\n\n"), NOW).kind == "accepted"
        assert smtp.send(mail(subject="due\r\nBcc: all@example.org"), NOW).kind == "accepted"
        for address in (
            "a@b.cn>\r\nRCPT TO:<c@d.cn",
            "a@b.cn, c@d.cn",
            "a b@c.cn",
            "@c.cn",
            "a@",
            "",
            "张@b.cn",
        ):
            assert smtp.send(mail(to=address), NOW).kind == "rejected"
    assert [taken.mail["Bcc"] for taken in server.accepted] == [None, None]
    assert [taken.address for taken in server.accepted] == [TO, TO]
    assert server.accepted[0].mail["Subject"] == "到期 Bcc: all@example.org"


def test_a_domain_in_chinese_is_written_in_ascii(server: MailServer) -> None:
    with open_channel(server) as smtp:
        assert smtp.send(mail(to="wang@例子.中国"), NOW).kind == "accepted"
    assert server.accepted[0].address == "wang@xn--fsqu00a.xn--fiqs8s"


def test_a_text_full_of_dots_and_bare_line_ends_arrives_as_written(server: MailServer) -> None:
    text = ".\r\n..\n.\rQUIT\r\n\r\n.最后一行"
    with open_channel(server) as smtp:
        message = Waiting("k", "email", "zhang", TO, "点", text, NOW)
        assert smtp.send(message, NOW).kind == "accepted"
    assert server.accepted[0].text == ".\n..\n.\nQUIT\n\n.最后一行\n"


def test_one_connection_carries_many_mails_until_its_batch_is_full(server: MailServer) -> None:
    with open_channel(server, "&batch=4") as smtp:
        assert {smtp.send(mail(n), NOW).kind for n in range(9)} == {"accepted"}
    assert [taken.connection for taken in server.accepted] == [1] * 4 + [2] * 4 + [3]


def test_eight_threads_need_no_more_than_eight_connections(server: MailServer) -> None:
    with open_channel(server) as smtp, ThreadPoolExecutor(8) as pool:
        assert {outcome.kind for outcome in pool.map(lambda n: smtp.send(mail(n), NOW), range(80))} == {
            "accepted"
        }
    assert server.connections <= 8


def test_a_refusal_leaves_the_connection_fit_for_the_next_mail(server: MailServer) -> None:
    with open_channel(server) as smtp:
        server.plan("550", "554@end", "451")
        assert [smtp.send(mail(n), NOW).kind for n in range(4)] == [
            "rejected", "rejected", "retry", "accepted",
        ]  # fmt: skip
    assert server.connections == 1


@pytest.mark.parametrize("word", ["idle", "drop", "421@mail"])
def test_an_idle_connection_that_the_server_closed_is_no_failure_and_no_duplicate(
    server: MailServer, word: str
) -> None:
    with open_channel(server) as smtp:
        server.plan(*(["idle"] if word == "idle" else ["", word]))
        assert smtp.send(mail(1), NOW).kind == "accepted"
        sleep(0.1 if word == "idle" else 0)
        assert smtp.send(mail(2), NOW).kind == "accepted"
    assert [taken.reference for taken in server.accepted] == [mail(1).reference, mail(2).reference]
    assert server.connections == 2


def test_an_idle_connection_that_a_firewall_has_forgotten_leaves_time_for_a_fresh_one(
    server: MailServer,
) -> None:
    with open_channel(server, "&timeout=1.2") as smtp:
        server.plan("", "mute")
        started = monotonic()
        assert [smtp.send(mail(number), NOW).kind for number in (1, 2)] == ["accepted", "accepted"]
        assert monotonic() - started < 1.2
    assert [taken.connection for taken in server.accepted] == [1, 2]


def test_a_channel_closed_while_a_mail_is_on_its_way_lets_go_of_it_afterwards() -> None:
    with MailServer(delay=0.15) as server, ThreadPoolExecutor(1) as pool:
        smtp = channel(server)
        sending = pool.submit(smtp.send, mail(), NOW)
        while not server.connections:
            sleep(0.01)
        smtp.close()
        assert sending.result(5).kind == "accepted"
        assert open_to(server.port) == 0


def test_a_server_that_restarts_between_two_rounds_costs_no_mail(server: MailServer) -> None:
    with open_channel(server) as smtp, ThreadPoolExecutor(4) as pool:
        for start in (0, 40):
            outcomes = list(pool.map(lambda n: smtp.send(mail(n), NOW), range(start, start + 40)))
            assert {outcome.kind for outcome in outcomes} == {"accepted"}
            server.hang_up()
    assert len({taken.reference for taken in server.accepted}) == len(server.accepted) == 80


def test_a_connection_idle_for_longer_than_it_may_be_kept_is_not_used_again(server: MailServer) -> None:
    with open_channel(server, "&keep=0.1") as smtp:
        smtp.send(mail(1), NOW)
        smtp.send(mail(2), NOW)
        sleep(0.2)
        smtp.send(mail(3), NOW)
    with open_channel(server, "&keep=0") as smtp:
        smtp.send(mail(4), NOW)
        smtp.send(mail(5), NOW)
    assert [taken.connection for taken in server.accepted] == [1, 1, 2, 3, 4]


def test_a_mail_takes_no_longer_than_its_timeout_however_slow_each_answer_is() -> None:
    with MailServer(delay=0.4) as server:
        smtp = channel(server, "&timeout=0.6")
        started = monotonic()
        assert smtp.send(mail(), NOW).kind == "retry"
        assert monotonic() - started < 1.2
        smtp.close()
        assert not server.accepted


def test_a_full_mailbox_is_tried_again_the_next_day_and_once_only(server: MailServer) -> None:
    day = timedelta(days=1)
    with open_channel(server) as smtp:
        server.plan(*["552"] * 5)
        first = smtp.send(mail(), NOW)
        assert (first.kind, first.again_at) == ("retry", NOW + day)
        assert smtp.send(mail(tries=1), NOW + day - timedelta(seconds=1)).kind == "retry"
        assert smtp.send(mail(tries=1), NOW + day).kind == "rejected"
        assert smtp.send(mail(tries=2), NOW + day + timedelta(seconds=1)).kind == "rejected"
        # it waited for us for two days, and for the mailbox not at all
        assert smtp.send(mail(), NOW + 2 * day).kind == "retry"


@pytest.mark.parametrize(
    ("phase", "code", "text", "kind"),
    [
        ("open", 421, "too busy", "retry"),
        ("open", 454, "4.7.0 temporary authentication failure", "retry"),
        ("open", 534, "5.7.9 stronger mechanism", "config"),
        ("open", 535, "5.7.8 bad credentials", "config"),
        ("open", 554, "your address is on a list", "config"),
        ("RCPT", 551, "user not local", "rejected"),
        ("RCPT", 554, "5.7.1 Relay access denied", "config"),
        ("RCPT", 550, "5.7.1 Client was not authenticated", "config"),
        ("RCPT", 0, "", "retry"),
        ("DATA", 0, "", "retry"),
        ("end", 0, "", "unknown"),
        ("end", -1, "garbled", "unknown"),
        ("end", 421, "closing", "retry"),
        ("end", 250, "Ok", "accepted"),
    ],
)  # fmt: skip
def test_the_same_code_means_another_thing_at_another_moment(
    phase: Phase, code: int, text: str, kind: Kind
) -> None:
    assert judge(Reply(phase, code, text), NOW).kind == kind


def test_what_a_server_says_is_told_without_addresses_numbers_and_secrets() -> None:
    said = f"<{TO}>: no mailbox zhang.wei 13800000001 for {PASSWORD}\nby mx1@host.example"
    outcome = judge(Reply("RCPT", 550, said), NOW, TO, "zhang.wei", PASSWORD)
    assert outcome.detail == "邮件服务器答复 550：<***>: no mailbox *** *** for *** by ***"


class TestCertificates:
    """Trust is the default, and every way to have less of it is said aloud."""

    @pytest.fixture
    def server(self) -> Iterator[MailServer]:
        with MailServer(tls=server_tls()) as running:
            yield running

    def sent(self, smtp: Smtp) -> Outcome:
        outcome = smtp.send(mail(), NOW)
        smtp.close()
        return outcome

    def test_an_unknown_authority_is_refused_before_anything_is_said(self, server: MailServer) -> None:
        outcome = self.sent(channel(server, scheme="smtps"))
        assert (outcome.kind, outcome.code, server.accepted) == ("config", "tls", [])

    def test_the_authority_named_in_the_settings_is_trusted(self, server: MailServer, tmp_path: Path) -> None:
        smtp = channel(server, f"&ca={trusted(tmp_path)}", "smtps")
        assert (self.sent(smtp).kind, smtp.cautions) == ("accepted", ())

    def test_a_certificate_for_another_name_is_refused(self, tmp_path: Path) -> None:
        with MailServer(tls=server_tls("mail.example.org")) as other:
            assert self.sent(channel(other, f"&ca={trusted(tmp_path)}", "smtps")).kind == "config"

    def test_who_does_not_check_certificates_is_told_so(self, server: MailServer) -> None:
        smtp = channel(server, "&verify_tls=0", "smtps")
        assert self.sent(smtp).kind == "accepted"
        assert "冒充" in smtp.cautions[0]

    def test_encryption_that_the_server_does_not_offer_is_ours_to_mend(self, server: MailServer) -> None:
        with MailServer() as plain:
            assert self.sent(channel(plain, scheme="smtp+starttls")).kind == "config"
            assert self.sent(channel(plain, scheme="smtps")).kind == "config"
            assert not plain.accepted

    def test_a_file_without_certificates_is_refused_at_once(self, tmp_path: Path) -> None:
        (tmp_path / "empty.pem").write_text("nothing", "utf-8")
        for name in ("empty.pem", "missing.pem"):
            with pytest.raises(BadInput, match=name):
                channel(25, f"&ca={tmp_path / name}", "smtps")


def test_mail_without_encryption_is_said_aloud_and_a_password_needs_a_word_more(server: MailServer) -> None:
    assert "明文" in channel(server).cautions[0]
    with pytest.raises(BadInput, match="不加密"):
        channel(server, "&password=env:MAIL", user="yiriban")
    with MailServer(user="yiriban", password=PASSWORD) as asking:
        smtp = channel(asking, "&password=env:MAIL&insecure=1", user="yiriban")
        assert "密码" in smtp.cautions[0]
        assert smtp.send(mail(), NOW).kind == "accepted"
        smtp.close()


def test_a_wrong_password_is_tried_once_a_mail_so_that_no_account_is_locked() -> None:
    with MailServer(user="yiriban", password="another") as server:
        smtp = channel(server, "&password=env:MAIL&insecure=1", user="yiriban")
        assert smtp.send(mail(), NOW).kind == "config"
        assert server.logins == ["PLAIN"]


def test_a_server_that_knows_only_login_is_understood_and_one_that_knows_none_is_ours_to_mend() -> None:
    for hidden, kind in ((("PLAIN",), "accepted"), (("PLAIN", "LOGIN"), "config")):
        with MailServer(user="yiriban", password=PASSWORD, mechanisms_hidden=hidden) as server:
            smtp = channel(server, "&password=env:MAIL&insecure=1", user="yiriban")
            assert smtp.send(mail(), NOW).kind == kind
            smtp.close()


@pytest.mark.parametrize(
    "wrong",
    ["&from2=x", "&name=", "&timeout=0", "&timeout=many", "&batch=0", "&batch=1.5", "&reply_to=nobody", "&list=a%20b",
     "&bounces=a@b%0d%0a.cn", "&helo=a%0d%0aQUIT", "&password=env:MAIL", "&password=mima-9f3k"],
)  # fmt: skip
def test_a_setting_that_cannot_be_used_is_refused_and_never_repeats_a_secret(wrong: str) -> None:
    with pytest.raises(BadInput) as refusal:
        channel(25, wrong)
    assert PASSWORD not in f"{refusal.value.what}{refusal.value.why}{refusal.value.then}"


def test_a_moment_in_another_zone_is_the_same_moment_in_the_mail(server: MailServer) -> None:
    at = datetime(2026, 12, 31, 16, 0, tzinfo=UTC)  # Friday 00:00 in Shanghai, the first of January 2027
    with open_channel(server) as smtp:
        smtp.send(mail(), at)
    assert parsedate_to_datetime(str(server.accepted[0].mail["Date"])) == at


def test_the_trust_of_a_channel_is_that_of_the_system_unless_told_otherwise() -> None:
    smtp = channel(25, scheme="smtps")
    assert smtp._server.tls is not None
    assert smtp._server.tls.verify_mode == ssl.CERT_REQUIRED
    assert smtp._server.tls.check_hostname
