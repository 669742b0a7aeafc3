"""Filings (备案): made and withdrawn at a desk.

Whether a person may file is the insurer's to say: where they may not, a no with its reason is right.
"""

from __future__ import annotations

from collections.abc import Iterator

from lab.certify.case import Business, Case
from lab.certify.proofs import Proof
from lab.certify.scene import Scene
from reference_impl.domain import transactions as tx
from reference_impl.domain.filing import FilingKind
from reference_impl.protocol.messages import Done, File, Filed, FilingId, MessageId, Reply, WithdrawFiling

__all__ = ["cases"]

_B = Business.FILING
_NOBODYS = FilingId("B0000000000000000000000000000")


def cases() -> Iterator[Case]:
    """Yield them."""
    yield Case(_B, "filed-or-not", Proof.VERDICT, "A filing is made and withdrawn, or refused for a reason.", _filed)
    yield Case(_B, "filed-once", Proof.REPEAT, "A filing sent again is answered as before.", _once)
    yield Case(_B, "nobodys-filing", Proof.VERDICT, "A filing that nobody made is not withdrawn.", _nobodys)
    yield Case(_B, "filed-as-nothing", Proof.VERDICT, "What is no kind of filing is refused.", _as_nothing)


def _filing(scene: Scene, kind: str = FilingKind.TEMPORARY.value) -> File:
    one = scene.listed
    return File(person=one.person, kind=kind, region=one.region, hospital=one.institution)


def _file(scene: Scene, msgid: MessageId) -> Reply:
    reply = scene.verdict(tx.FILE, _filing(scene), msgid=msgid)
    if isinstance(reply.body, Filed):
        body = WithdrawFiling(person=scene.listed.person, filing=reply.body.filing)
        scene.afterwards.append(lambda: scene.verdict(tx.WITHDRAW_FILING, body) and None)
    return reply


def _filed(scene: Scene) -> None:
    reply = _file(scene, scene.next_id())
    if reply.refusal:
        scene.holds(reply.reason != "", "a filing is refused without a word; expected why")
        return
    scene.holds(isinstance(reply.body, Filed), f"a filing is answered with {reply.body!r}; expected its receipt")
    assert isinstance(reply.body, Filed)  # it was just held
    scene.afterwards.clear()
    scene.done(tx.WITHDRAW_FILING, WithdrawFiling(person=scene.listed.person, filing=reply.body.filing), Done)


def _once(scene: Scene) -> None:
    msgid = scene.next_id()
    first = _file(scene, msgid)
    again = scene.verdict(tx.FILE, _filing(scene), msgid=msgid)
    scene.holds(again == first, f"sent again it was answered with {again!r}; expected {first!r}")


def _nobodys(scene: Scene) -> None:
    body = WithdrawFiling(person=scene.listed.person, filing=_NOBODYS)
    scene.refused(tx.WITHDRAW_FILING, body, "DES", "nobody made this filing")


def _as_nothing(scene: Scene) -> None:
    scene.refused(tx.FILE, _filing(scene, "none"), "DES", "nothing is filed as that")
