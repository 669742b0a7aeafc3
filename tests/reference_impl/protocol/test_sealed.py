"""Neither hub nor care province invents a message or changes what it says: the insurer holds it against the seal."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support import wire_samples as w
from support.chain import HOSPITAL, NEIGHBOUR, PERSON, Chain, at_rest
from support.messages import admit, cancel, done, find_person, refusal, reversal, sale

from reference_impl.domain.nodes import HUB, NodeId
from reference_impl.domain.transactions import REVERSE, SEALED, TRIALS
from reference_impl.protocol.messages import CARRIERS, Request, Seal
from reference_impl.protocol.sealed import sealed_content
from reference_impl.trust.keys import Key, NodeKeys
from reference_impl.trust.seals import reader_of, seal

OWN = Key("own", HOSPITAL, b"h" * 32)
OTHER = Key("other", NEIGHBOUR, b"n" * 32)
GONE = Key("gone", HOSPITAL, b"g" * 32, revoked=True)


@pytest.fixture
def chain():
    keys = NodeKeys({}, {key.id: key for key in (OWN, OTHER, GONE)})
    return Chain(seals=reader_of(keys))


def sealed(request, key=OWN):
    return seal(request, key)


def lie(chain, node, change):
    """Have ``node`` change each message that it sends on."""

    def lying(caller, _, request):
        return change(request) if caller == node else None

    chain.lies.append(lying)


def of_body(**changed):
    return lambda request: msgspec.structs.replace(request, body=msgspec.structs.replace(request.body, **changed))


def test_honest_business_goes_its_way_with_its_seals(chain):
    settled = done(chain.send(sealed(sale(1))))
    taken_back = done(chain.send(sealed(cancel(2, settled))))
    done(chain.send(sealed(sale(3))))
    chain.send(sealed(reversal(4, of=3)))
    done(chain.send(sealed(admit(5))))

    assert taken_back.settlement
    assert chain.standing() == []
    kept = [message.request.seal for message in chain.books["63"].read_all().messages if message.request]
    assert len(kept) == 5
    assert {one.key for one in kept} == {"own"}
    at_rest(chain)


LIES = {
    "a hub changes the amount": ("hub", of_body(total_fen=1)),
    "a care province changes the amount": ("33", of_body(total_fen=1)),
    "a care province changes the lines it priced": (
        "33",
        lambda r: of_body(fees=msgspec.structs.replace(r.body.fees, total_fen=r.body.fees.total_fen + 1))(r),
    ),
    "a hub changes the person": ("hub", of_body(person="63010010000000000002")),
    "a care province names another visit": ("33", of_body(visit=f"S{HOSPITAL}7")),
    "a hub makes a trial a settlement": ("hub", lambda r: msgspec.structs.replace(r, code="2102")),
    "a hub takes the seal off": ("hub", lambda r: msgspec.structs.replace(r, seal=None)),
    "a hub has it dispensed by a prescription": ("hub", of_body(prescription="RX1")),
    "a hub says the account may pay no more": ("hub", of_body(use_account=False)),
}


@pytest.mark.parametrize(("liar", "change"), LIES.values(), ids=LIES)
def test_a_lie_on_the_way_moves_no_money(chain, liar, change):
    lie(chain, liar, change)
    for_good = change is not LIES["a hub makes a trial a settlement"][1]

    answer = chain.send(sealed(sale(1, code="2102" if for_good else "2101")))

    assert refusal(answer) in {"I17", "I18"}
    assert chain.standing() == []
    assert [m for m in chain.books["63"].read_all().messages if m.request] == []


@pytest.mark.parametrize("liar", ["hub", "33"])
@pytest.mark.parametrize("with_seal_of_the_sale", [False, True])
def test_nobody_on_the_way_invents_a_reversal(chain, liar, with_seal_of_the_sale):
    """Whoever has seen the sale, and its seal, still has none for a 2601."""
    asked = sealed(sale(1))
    done(chain.send(asked))
    invented = msgspec.structs.replace(reversal(9, of=1), sender=NodeId(liar))
    if with_seal_of_the_sale:
        invented = msgspec.structs.replace(invented, seal=asked.seal)

    answer = chain.ask(liar, HUB if liar == "33" else NodeId("63"), invented)

    assert refusal(answer) in {"I17", "I18"}
    assert len(chain.standing()) == 1


def test_what_is_only_asked_needs_no_seal(chain):
    for asked in (find_person(1), sale(2, code="2101")):
        done(chain.send(asked))


def test_what_an_insurer_acts_upon_is_sealed():
    assert {"2102", "2207", "2304", "2103", "2208", "2305", "2401", "2404", "2201", "2202", "2501", "2502"} <= SEALED
    assert REVERSE in SEALED
    assert not SEALED & (TRIALS | {"1101", "5301", "2204", "2301", "2402"})


def test_a_forged_message_leaves_no_verdict_behind_for_the_true_one(chain):
    forged = msgspec.structs.replace(sale(1, total_fen=1), sender=HUB)
    refused = chain.ask("hub", NodeId("63"), msgspec.structs.replace(forged, seal=None))

    assert refusal(refused) == "I17"
    done(chain.send(sealed(sale(1))))
    assert len(chain.standing()) == 1


@pytest.mark.parametrize(("key", "code"), [(GONE, "I19"), (Key("new", HOSPITAL, b"h" * 32), "I19"), (OTHER, "I18")])
def test_a_seal_of_no_key_in_force_or_of_another_institution_counts_for_nothing(chain, key, code):
    assert refusal(chain.send(sealed(sale(1), key))) == code
    assert chain.standing() == []


def test_the_same_message_sealed_with_another_key_is_the_same_message(chain):
    """Between two sends the institution's key was rotated: one key, one effect all the same (G1)."""
    more = Key("next", HOSPITAL, b"2" * 32)
    chain = Chain(seals=reader_of(NodeKeys({}, {key.id: key for key in (OWN, more)})))

    first, again = (chain.send(sealed(sale(1), key)) for key in (OWN, more))

    assert first.reply == again.reply
    assert len(chain.standing()) == 1


def test_a_seal_is_evidence_and_no_content():
    asked = sealed(sale(1))

    assert asked == sale(1)
    assert sale(1) == asked
    assert hash(asked.seal) == hash(Seal("x", "y"))
    assert asked.seal != "own"


@given(st.data())
def test_no_two_messages_have_one_content(data):
    """What one field says cannot be read as another's: the fields are written with their ends."""
    code = data.draw(st.sampled_from(sorted(CARRIERS)))
    one, other = (data.draw(w.requests(code)) for _ in range(2))

    def content(request: Request) -> bytes:
        return sealed_content(request, *(getattr(request.body, n, "") for n in ("visit", "settlement", "continues")))

    same = (one.msgid, one.insured_region, one.care_region) == (other.msgid, other.insured_region, other.care_region)
    if not same or one.body.person != other.body.person:
        assert content(one) != content(other)


def test_person_is_what_is_asked_about():
    assert PERSON.encode() in sealed_content(sale(1), "", "", "")
