"""New numbers: whoever had another one before is found by it, and is one person with one account.

Business that a move cuts in two is not played: nobody moves a system twice for a test.
"""

from __future__ import annotations

from collections.abc import Iterator

from lab.certify.case import Business, Case
from lab.certify.proofs import Proof
from lab.certify.scene import Scene
from lab.certify.visits import Visit
from reference_impl.domain.transactions import PERSON
from reference_impl.protocol.messages import FindPerson, PersonFound

__all__ = ["cases"]


def cases() -> Iterator[Case]:
    """Yield them."""
    yield Case(
        Business.PERSON,
        "found-by-former",
        Proof.NUMBERS,
        "A person is found by the number of before, and told the one of now.",
        _found,
        new_numbers=True,
    )
    yield Case(
        Business.PERSON,
        "one-account",
        Proof.NUMBERS,
        "What is paid under the number of now is gone from the account under the number of before.",
        _one_account,
        new_numbers=True,
    )


def _by_former(scene: Scene) -> PersonFound:
    return scene.done(PERSON, FindPerson(person=scene.listed.former), PersonFound)


def _found(scene: Scene) -> None:
    one, found = scene.listed, _by_former(scene)
    scene.holds(found.person == one.person, f"asked for {one.former}, told {found.person}; expected {one.person}")
    scene.holds(found.insurance == one.insurance, f"under {one.former} the insutype is {found.insurance}")


def _one_account(scene: Scene) -> None:
    Visit(scene, scene.listed.kinds[0]).ready().settle()
    now_fen, former_fen = scene.balance_fen(), _by_former(scene).balance_fen
    scene.holds(now_fen == former_fen, f"{now_fen} fen under the number of now, {former_fen} under that of before")
