"""The providers of the kill suite, in processes that nobody kills, and what goes wrong with their answers."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

from tests.city import shipped
from tests.fakes.serve import Peer, serving
from tests.faults._kill_worker import SECRET, templates

WEATHER: Mapping[str, Mapping[str, float]] = {
    "sms": {"lose": 0.06, "drop": 0.04, "twice": 0.05, "half": 0.03, "garbage": 0.02, "503": 0.03, "slow": 0.01},
    "email": {"lose": 0.05, "drop": 0.04, "421": 0.02, "450": 0.02, "idle": 0.05, "slow": 0.01},
}  # fmt: skip
QUERIES = {"drop": 0.02, "garbage": 0.01, "503": 0.01}
DELIVERED = {"gateway": ("DELIVRD", ""), "aliyun": ("3", "DELIVERED"), "tencent": ("SUCCESS", "DELIVRD")}
DELAY = 0.02
LAG = 60.0
"""Seconds of the providers' time (three of ours) until a message is shown to whoever asks."""


def providers(stack: ExitStack, sms: str) -> dict[str, Peer]:
    """Start the provider of SMS and the mail server."""
    more: dict[str, Any] = {}
    if sms in ("aliyun", "tencent"):
        more = {"templates": templates(shipped()[1], sms), "longest": 500}
    if sms in DELIVERED:
        more["settles"] = DELIVERED[sms]
    texting = stack.enter_context(serving(sms, secret=SECRET, delay=DELAY, lag=LAG, **more))
    return {"sms": texting, "email": stack.enter_context(serving("smtp", delay=DELAY / 4))}


def disturb(peers: Mapping[str, Peer], seed: int) -> None:
    """Let them forget what was before, and plan what goes wrong from now on."""
    for number, (name, peer) in enumerate(peers.items()):
        peer.forget()
        peer.weather(WEATHER[name], seed=seed + number)
    peers["sms"].weather(QUERIES, seed=seed + len(peers), queries=True)
