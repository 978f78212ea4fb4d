"""A peer (or a box on the way) that answers twice, the second time late: no question may take that for its answer.

Found by `tests.faults.time_outs`: the answer "never received" to one message, read as that to another, sends it twice.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import pytest

from tests.channels.contract import NOW
from tests.channels.test_aliyun import SECRET, channel, message
from tests.fakes.aliyun import Aliyun
from tests.fakes.web import Asked, Reply


class Stuttering(Aliyun):
    """Says the answer to the first question again a tenth of a second later, over the same connection."""

    stuttered = False

    def handle(self, asked: Asked, handler: Any) -> None:
        if not self.is_query(asked) or self.stuttered:
            super().handle(asked, handler)
            return
        self.stuttered = True
        reply: Reply = self.answer(asked, "")
        handler.write(reply)
        time.sleep(0.1)
        handler.write(reply)


@pytest.mark.parametrize("pause", [0.0, 0.05, 0.15])
def test_a_late_second_answer_is_never_that_to_the_next_question(pause: float) -> None:
    with Stuttering(secret=SECRET, longest=500, now=NOW) as peer:
        asking = channel(peer, more="&keep=10&lag=0")
        there, missing = message(1), replace(message(2), address="13800000009")
        assert asking.send(there, NOW).kind == "accepted"
        time.sleep(0.05)  # so that the same connection may be used again
        assert asking.ask(missing).kind == "retry"
        time.sleep(pause)
        assert asking.ask(there).kind == "accepted"
        asking.close()
