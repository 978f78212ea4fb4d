"""Mails that follow each other without waiting: whatever the server does, each outcome is that of its own mail."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import pytest

from engine.delivery import Outcome, Waiting
from notifiers.address import read_address
from notifiers.smtp import Smtp, from_address
from notifiers.smtp_link import Link, Mail, Reply
from tests.channels.contract import NOW
from tests.fakes.smtp_lines import LineServer


def mail(number: int, to: str = "zhang@example.org") -> Waiting:
    return Waiting(f"k{number}", "email", "zhang", to, "到期提醒", "请抓紧办理。", NOW)


@contextmanager
def open_channel(server: LineServer, settings: str = "") -> Iterator[Smtp]:
    url = f"smtp://127.0.0.1:{server.port}/?from=sender@caizheng.example.cn{settings}"
    made = from_address(read_address(url), str, {})
    yield made
    made.close()


def flow(smtp: Smtp, mails: list[Waiting]) -> dict[str, Outcome]:
    """Send, and see that each mail has one outcome."""
    outcomes = list(smtp.flow((one, NOW) for one in mails))
    assert sorted(message.key for message, _ in outcomes) == sorted(one.key for one in mails)
    return {message.key: outcome for message, outcome in outcomes}


def kinds(found: dict[str, Outcome]) -> list[str]:
    return [found[key].kind for key in sorted(found, key=lambda key: int(key[1:]))]


def references(numbers: range | list[int]) -> list[str]:
    return [mail(number).reference for number in numbers]


def test_twenty_mails_go_over_one_connection_each_announced_before_the_one_before_it_is_answered() -> None:
    with LineServer() as server, open_channel(server) as smtp:
        found = flow(smtp, [mail(number) for number in range(20)])
    assert kinds(found) == ["accepted"] * 20
    assert server.ledger == references(range(20))
    assert [outcome.provider_id for outcome in found.values()] == [str(n) for n in range(1, 21)]
    [talk] = server.talks
    # of each group of three only the last command has nothing behind it
    assert talk.early >= 2 * 20
    assert [said for said in talk.commands if said != "QUIT"] == ["MAIL", "RCPT", "DATA"] * 20


def test_a_server_that_does_not_offer_it_is_told_one_thing_at_a_time() -> None:
    with LineServer(pipelining=False) as server, open_channel(server) as smtp:
        found = flow(smtp, [mail(number) for number in range(5)])
    assert kinds(found) == ["accepted"] * 5
    assert server.ledger == references(range(5))
    assert [talk.early for talk in server.talks] == [0]


@pytest.mark.parametrize("answer", [b"503 5.5.1 no valid recipients", b"354 go on all the same"])
@pytest.mark.parametrize("pipelining", [True, False])
def test_a_recipient_who_is_refused_in_the_middle_costs_nobody_else_anything(
    pipelining: bool, answer: bytes
) -> None:
    with LineServer(pipelining=pipelining, data_after_refusal=answer) as server, open_channel(server) as smtp:
        mails = [
            mail(n, "refused@example.org" if n in (0, 3, 4, 7) else "zhang@example.org") for n in range(8)
        ]
        found = flow(smtp, mails)
    assert kinds(found) == [
        "rejected", "accepted", "accepted", "rejected", "rejected", "accepted", "accepted", "rejected"
    ]  # fmt: skip
    assert {found[f"k{n}"].blame for n in (0, 3, 4, 7)} == {"contact"}
    assert server.ledger == references([1, 2, 5, 6])
    [talk] = server.talks
    # the last one needs no reset before anybody comes after it
    assert talk.commands.count("RSET") == 3
    assert server.empty == (4 if pipelining and answer.startswith(b"354") else 0)


def test_what_is_no_address_at_all_is_refused_here_and_the_others_go_on() -> None:
    with LineServer() as server, open_channel(server) as smtp:
        found = flow(smtp, [mail(0), mail(1, "nobody"), mail(2, "a@b.cn>\r\nDATA"), mail(3), mail(4, "")])
    assert kinds(found) == ["accepted", "rejected", "rejected", "accepted", "rejected"]
    assert server.ledger == references([0, 3])


@pytest.mark.parametrize("replies", range(17))
def test_wherever_the_connection_is_lost_only_the_mail_whose_last_line_had_gone_is_in_doubt(
    replies: int,
) -> None:
    """Four replies to a mail: to MAIL, RCPT, DATA and to the mail itself. Four mails, then QUIT."""
    with LineServer(hang_up_after=replies) as server, open_channel(server) as smtp:
        found = flow(smtp, [mail(number) for number in range(4)])
    whole, more = divmod(replies, 4)
    expected = ["accepted"] * 4
    if whole < 4 and more == 3:
        expected[whole] = "unknown"
    elif whole == 0:
        expected[0] = "retry"  # a fresh connection that is lost at once says something about the server
    assert kinds(found) == expected
    # taken once each, the doubtful one too: the server took it and did not live to say so
    assert sorted(server.ledger) == sorted(
        reference for number, reference in enumerate(references(range(4))) if expected[number] != "retry"
    )
    # the fifteenth reply is the last before the doubt about the last mail
    assert len(server.talks) == (2 if replies < 15 else 1)


def test_a_server_that_never_lives_for_long_gets_every_mail_once() -> None:
    with LineServer(hang_up_after=10, only_first=False) as server, open_channel(server) as smtp:
        found = flow(smtp, [mail(number) for number in range(9)])
    assert kinds(found) == ["accepted"] * 9, "two mails for each connection, the third only announced"
    assert server.ledger == references(range(9))
    assert len(server.talks) == 5


def test_an_answer_that_comes_too_late_never_becomes_that_of_another_mail() -> None:
    with LineServer(late={2: 0.8}) as server, open_channel(server, "&timeout=0.4") as smtp:
        started = time.monotonic()
        found = flow(smtp, [mail(number) for number in range(4)])
        assert time.monotonic() - started < 0.8
        # the third was announced when the second was sent, so its time is over as well
        assert kinds(found) == ["accepted", "unknown", "retry", "accepted"]
        time.sleep(0.6)
        assert smtp.send(mail(9), NOW).kind == "accepted"
    assert server.ledger == references([0, 1, 3, 9])
    assert [found[key].provider_id for key in ("k0", "k1", "k2", "k3")] == ["1", "", "", "3"]
    assert len(server.talks) == 2


def test_a_connection_on_which_the_server_spoke_unasked_is_not_used_again() -> None:
    with LineServer() as server, open_channel(server) as smtp:
        assert smtp.send(mail(0), NOW).kind == "accepted"
        server.say(b"250 2.0.0 Ok: queued as 99")
        time.sleep(0.05)
        assert smtp.send(mail(1), NOW).provider_id == "2"
    assert [talk.commands[:3] for talk in server.talks] == [["MAIL", "RCPT", "DATA"]] * 2


def test_the_next_mail_is_taken_from_the_queue_only_when_it_can_be_begun() -> None:
    """What lies in the queue is nobody's; what was taken is in doubt if we are killed."""
    taken: list[int] = []

    def queue() -> Iterator[tuple[Waiting, datetime]]:
        for number in range(6):
            taken.append(number)
            yield mail(number), NOW

    ahead: list[int] = []
    with LineServer() as server, open_channel(server) as smtp:
        for done, _ in enumerate(smtp.flow(queue())):
            ahead.append(len(taken) - done - 1)
    assert max(ahead) == 1
    assert len(server.ledger) == 6


def test_after_a_round_only_connections_that_are_still_young_are_kept() -> None:
    with LineServer() as server, open_channel(server, "&keep=0.2") as smtp:
        smtp.send(mail(0), NOW)
        smtp.rest()
        smtp.send(mail(1), NOW)
        time.sleep(0.3)
        smtp.rest()
        assert not smtp._idle
        end = time.monotonic() + 5
        while server.talks[0].commands[-1] != "QUIT":
            assert time.monotonic() < end
            time.sleep(0.01)
    assert len(server.talks) == 1


def test_a_connection_carries_no_more_than_its_batch_however_many_follow() -> None:
    with LineServer() as server, open_channel(server, "&batch=4") as smtp:
        assert kinds(flow(smtp, [mail(number) for number in range(10)])) == ["accepted"] * 10
    assert [talk.commands.count("DATA") for talk in server.talks] == [4, 4, 2]


def test_a_mail_whose_time_ran_out_while_we_stood_still_is_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    """The process was stopped between the announcement and the mail: somebody else may have sent it by now."""
    announce = Link._announce

    def stopped(self: Link, one: Mail, deadline: float) -> Reply:
        reply = announce(self, one, deadline)
        time.sleep(0.35)
        return reply

    with LineServer() as server, open_channel(server, "&timeout=0.3") as smtp:
        assert smtp.send(mail(0), NOW).kind == "accepted"
        monkeypatch.setattr(Link, "_announce", stopped)
        assert smtp.send(mail(1), NOW).kind == "retry"
        monkeypatch.undo()
        assert smtp.send(mail(2), NOW).kind == "accepted"
    assert server.ledger == references([0, 2])
