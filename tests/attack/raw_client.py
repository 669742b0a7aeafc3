"""A client of the hospital interface made from the standard library alone: what it sends and reads is written by hand.

Field names are those of the published interface. This module must never import a module of ours: what it shares with
the system under attack is the wire and nothing else.
"""

from __future__ import annotations

import http.client
import itertools
import json
import re
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

DONE, REFUSED = 0, -1
TURNED_AWAY = (400, 401, 403, 404, 405, 411, 413, 414, 415, 422, 431, 501)
"""HTTP statuses that say no for good. Busy (409) and a closed or full node (503) are not among them."""
TIMEOUT_S = 20
TRIES = 60
TRY_AGAIN_S = 0.1
WHEN = "2024-03-13 09:00:00"
NAME = CERTIFICATE = "SIM"
"""How the synthetic nation calls everybody."""
_STAMPS = re.compile(rb'"(refmsg_time|respond_time)":"[0-9]*"')


@dataclass(frozen=True)
class Heard:
    """What came back: the HTTP status, the envelope if it was one, and every byte."""

    status: int
    headers: Mapping[str, str]
    content: bytes
    msgid: str = ""
    envelope: Mapping[str, Any] = field(default_factory=dict)

    @property
    def infcode(self) -> int | None:
        return self.envelope.get("infcode")

    @property
    def output(self) -> Mapping[str, Any]:
        return self.envelope.get("output") or {}

    @property
    def done(self) -> bool:
        return self.status == 200 and self.infcode == DONE

    @property
    def refused(self) -> bool:
        """Whether it was a no for good: a verdict, or a door that does not know such a message."""
        return self.infcode == REFUSED or self.status in TURNED_AWAY

    @property
    def final(self) -> bool:
        return self.done or self.refused

    @property
    def words(self) -> bytes:
        """The answer without the two stamps that say when *this* answer was given."""
        return _STAMPS.sub(b"", self.content)

    def warns_of(self, name: str) -> bool:
        """Return whether the answer names a field outside its output: a warning that its sender can see."""
        told = json.dumps({k: v for k, v in self.envelope.items() if k != "output"}, ensure_ascii=False)
        return name in told or any(name in value for value in self.headers.values())

    def __str__(self) -> str:
        return f"{self.status} {self.content[:400]!r}"


def heard_of(status: int, headers: Mapping[str, str], content: bytes, msgid: str = "") -> Heard:
    """Return an answer, read as far as it can be read."""
    try:
        envelope = json.loads(content)
    except ValueError:
        envelope = {}
    return Heard(status, headers, content, msgid, envelope if isinstance(envelope, dict) else {})


def post(
    place: str,
    path: str,
    content: bytes,
    headers: Mapping[str, str] | None = None,
    *,
    msgid: str = "",
    verb: str = "POST",
) -> Heard:
    """Send one request on a connection of its own and return its answer."""
    connection = http.client.HTTPConnection(place, timeout=TIMEOUT_S)
    try:
        connection.request(verb, path, content, {"content-type": "application/json", **(headers or {})})
        answer = connection.getresponse()
        return heard_of(
            answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read(), msgid
        )
    finally:
        connection.close()


def exchange(place: str, sent: bytes, *, end: bool = False) -> bytes:
    """Send bytes as they are and return all that comes back until the other side closes or falls silent.

    ``end`` closes our half, so that a server that waits for more learns that there is none.
    """
    host, _, port = place.rpartition(":")
    came = b""
    with socket.create_connection((host, int(port)), timeout=TIMEOUT_S) as connection:
        try:
            connection.sendall(sent)
            if end:
                connection.shutdown(socket.SHUT_WR)
            while part := connection.recv(65536):
                came += part
        except (ConnectionError, TimeoutError):
            pass  # closed on us: what had come until then is the answer
    return came


def statuses(came: bytes) -> list[int]:
    """Return the HTTP statuses in a stream of answers."""
    return [int(found) for found in re.findall(rb"HTTP/1\.[01] ([0-9]{3})", came)]


@dataclass
class Hospital:
    """A hospital or pharmacy: honest in its envelope unless told otherwise."""

    place: str
    province: str
    code: str
    region: str
    numbers: Any = field(default_factory=lambda: itertools.count(1))

    def fresh(self) -> str:
        """Return a new message id: institution (12), time (14), sequence (4)."""
        number = next(self.numbers)
        return f"{self.code}2024031309{number // 100 % 60:02d}00{number % 100:04d}"

    def envelope(self, code: str, insured: str, content: Any, msgid: str = "", **other: Any) -> dict[str, Any]:
        """Return a request as the interface wants it; ``other`` replaces single fields."""
        return {
            "infno": code,
            "msgid": msgid or self.fresh(),
            "mdtrtarea_admvs": self.region,
            "insuplc_admdvs": insured,
            "recer_sys_code": "RAW",
            "infver": "1.0.0",
            "opter_type": "1",
            "opter": "raw",
            "opter_name": "raw",
            "inf_time": WHEN,
            "fixmedins_code": self.code,
            "fixmedins_name": "raw",
            "sign_no": "",
            "input": content,
            **other,
        }

    def ask_once(self, code: str, insured: str, content: Any, msgid: str = "", **other: Any) -> Heard:
        """Send one request once."""
        envelope = self.envelope(code, insured, content, msgid, **other)
        return self.post(envelope)

    def ask(self, code: str, insured: str, content: Any, msgid: str = "", **other: Any) -> Heard:
        """Send one request, and again under the same id while the answer is neither yes nor no."""
        envelope = self.envelope(code, insured, content, msgid, **other)
        heard = self.post(envelope)
        for _ in range(TRIES):
            if heard.final or heard.status == 500:
                break
            time.sleep(TRY_AGAIN_S)
            heard = self.post(envelope)
        return heard

    def post(self, envelope: Mapping[str, Any], headers: Mapping[str, str] | None = None, path: str = "") -> Heard:
        """Send an envelope as JSON; control characters and half characters travel escaped."""
        content = json.dumps(envelope).encode()
        return post(self.place, path or f"/{self.province}", content, headers, msgid=str(envelope.get("msgid", "")))


# --- the bodies, field by field ---


def certificate(person: str, **other: Any) -> dict[str, Any]:
    return {
        "psn_no": person,
        "mdtrt_cert_type": "02",
        "mdtrt_cert_no": person,
        "psn_cert_type": "01",
        "certno": CERTIFICATE,
        "psn_type": {"0": "11", "1": "12"}.get(person[6:7], "15"),
        "psn_name": NAME,
        "insutype": "390" if person[6:7] == "2" else "310",
        **other,
    }


def find(person: str, **other: Any) -> dict[str, Any]:
    asked = {
        "mdtrt_cert_type": "02",
        "mdtrt_cert_no": person,
        "psn_cert_type": "01",
        "certno": CERTIFICATE,
        "psn_name": NAME,
    }
    return {"data": asked | other}


def register(person: str, **other: Any) -> dict[str, Any]:
    place = {"ipt_otp_no": "1", "dept_code": "D", "dept_name": "D", "caty": "A"}
    return {"data": {**certificate(person), "begntime": WHEN, **place, **other}}


def _row(number: int, yuan: str, **other: Any) -> dict[str, Any]:
    """One charge of ``yuan`` for an item that the catalogue pays in full."""
    return {
        "feedetl_sn": str(number),
        "rx_circ_flag": "0",
        "fee_ocur_time": WHEN,
        "med_list_codg": "S09009",
        "medins_list_codg": "S09009",
        "det_item_fee_sumamt": yuan,
        "cnt": "-1" if yuan.startswith("-") else "1",
        "pric": yuan.lstrip("-"),
        **other,
    }


def drugs(person: str, yuan: str = "100.00", lines: list[dict[str, Any]] | None = None, **other: Any) -> dict[str, Any]:
    sale = {"begntime": WHEN, "medfee_sumamt": yuan, "acct_used_flag": "1", "med_type": "41"}
    return {"druginfo": {**certificate(person), **sale, **other}, "drugdetail": lines or [_row(1, yuan)]}


drug_line = _row


def diagnosis(code: str, number: int = 1, **other: Any) -> dict[str, Any]:
    return {
        "diag_type": "1",
        "diag_srt_no": number,
        "diag_code": code,
        "diag_name": code,
        "diag_dept": "D",
        "dise_dor_no": "D",
        "dise_dor_name": "D",
        "diag_time": WHEN,
        "vali_flag": "1",
        **other,
    }


def diagnose(
    person: str, visit: str, *, med_type: str = "11", found: list[dict[str, Any]] | None = None, main: str = "J06.900"
) -> dict[str, Any]:
    about = {"mdtrt_id": visit, "psn_no": person, "med_type": med_type, "begntime": WHEN}
    return {"mdtrtinfo": about | {"dise_codg": main, "dise_name": main}, "diseinfo": found or [diagnosis(main)]}


def charge(
    person: str, visit: str, number: int, yuan: str = "100.00", *, batch: str = "B1", **other: Any
) -> dict[str, Any]:
    """One charge line of a visit or a stay; 2204 and 2301 share what they must have."""
    doctor = {"bilg_dept_codg": "D", "bilg_dept_name": "D", "bilg_dr_codg": "D", "bilg_dr_name": "D"}
    where = {"mdtrt_id": visit, "psn_no": person, "chrg_bchno": batch, "drord_no": batch}
    return {**_row(number, yuan), **doctor, **where, "med_type": "2101", "hosp_appr_flag": "1", **other}


def charges(*lines: dict[str, Any]) -> dict[str, Any]:
    return {"feedetail": list(lines)}


def settle(person: str, visit: str, yuan: str = "100.00", **other: Any) -> dict[str, Any]:
    """The body of 2206, 2207, 2303 and 2304 of a visit that costs ``yuan``, all of it in scope."""
    amounts = {"medfee_sumamt": yuan, "fulamt_ownpay_amt": "0", "overlmt_selfpay": "0", "preselfpay_amt": "0"}
    how = {"psn_setlway": "01", "chrg_bchno": "0000", "acct_used_flag": "1", "med_type": "11", "inscp_scp_amt": yuan}
    return {"data": {**certificate(person), **amounts, **how, "mdtrt_id": visit, **other}}


def settle_stay(person: str, visit: str, insured: str, care: str, yuan: str = "100.00", **other: Any) -> dict[str, Any]:
    where = {"insuplc_admdvs": insured, "mdtrtarea_admvs": care}
    return settle(person, visit, yuan, **where, **({"mid_setl_flag": "0"} | other))


def about_visit(person: str, visit: str, **other: Any) -> dict[str, Any]:
    """The body of a transaction that names a visit and little more: 2202, 2205, 2208, 2302, 2305, 2404, 2405, 2103."""
    return {"data": {"psn_no": person, "mdtrt_id": visit, "exp_content": "", **other}}


def reverse(person: str, msgid: str, code: str) -> dict[str, Any]:
    return {"data": {"psn_no": person, "omsgid": msgid, "oinfno": code}}


def admit(person: str, insured: str, care: str, *, found: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    who = certificate(person) | {"cert_type": "01", "begntime": WHEN, "med_type": "2101", "ipt_no": "1"}
    ward = {"atddr_no": "D", "chfpdr_name": "D", "adm_dept_codg": "D", "adm_dept_name": "D", "adm_bed": "1"}
    why = {"adm_diag_dscr": "J18.900", "dscg_maindiag_code": "J18.900", "dscg_maindiag_name": "J18.900"}
    where = {"insuplc_admdvs": insured, "mdtrtarea_admvs": care}
    rows = found or [diagnosis("J18.900")]
    return {
        "mdtrtinfo": {**who, **ward, **why, **where},
        "diseinfo": [{"psn_no": person, "maindiag_flag": "1" if n == 0 else "0", **row} for n, row in enumerate(rows)],
    }


def discharge(person: str, visit: str) -> dict[str, Any]:
    leaving = {"mdtrt_id": visit, "psn_no": person, "insutype": "310", "endtime": "2024-03-14 09:00:00"}
    ward = {"dscg_dept_codg": "D", "dscg_dept_name": "D", "dscg_way": "1"}
    row = diagnosis("J18.900") | {"mdtrt_id": visit, "psn_no": person, "maindiag_flag": "1"}
    return {"dscginfo": leaving | ward, "diseinfo": [row]}
