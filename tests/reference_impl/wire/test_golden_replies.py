"""Golden data GD1 and GD2 of domain facts 6.2, as the JSON that platforms answered (persons fictitious)."""

from __future__ import annotations

import json

from support import wire_samples as w

from reference_impl.protocol import messages as m
from reference_impl.wire.errors import WireWarning

NOTHING = dict.fromkeys(
    (
        "overlmt_selfpay",
        "pool_prop_selfpay",
        "cvlserv_pay",
        "hifes_pay",
        "hifmi_pay",
        "hifob_pay",
        "maf_pay",
        "oth_pay",
        "acct_pay",
        "balc",
        "acct_mulaid_pay",
    ),
    0,
)
WHO = {
    "mdtrt_id": "SIM0000000001",
    "setl_id": "SIM0000000009",
    "psn_no": w.PERSON,
    "psn_name": "SIM",
    "psn_cert_type": "01",
    "certno": "SIM",
    "psn_type": "11",
    "cvlserv_flag": "0",
    "med_type": "2101",
    "clr_type": "21",
    "medins_setl_id": w.MSGID,
    "setl_time": "2024-06-03 01:00:00",
}
GD1 = {
    "medfee_sumamt": 5792.53,
    "fulamt_ownpay_amt": 296.20,
    "preselfpay_amt": 522.61,
    "inscp_scp_amt": 4973.72,
    "act_pay_dedc": 800.00,
    "hifp_pay": 3106.54,
    "fund_pay_sumamt": 3106.54,
    "psn_part_amt": 2685.99,
    "psn_cash_pay": 2685.99,
}
GD2 = {
    "medfee_sumamt": 3300,
    "fulamt_ownpay_amt": 3300,
    "preselfpay_amt": 0,
    "inscp_scp_amt": 0,
    "hifp_pay": 0,
    "fund_pay_sumamt": 0,
    "psn_part_amt": 0,
    "psn_cash_pay": 0,
}


def read(codec, amounts):
    info = WHO | NOTHING | amounts
    data = json.dumps(
        {"infcode": 0, "inf_refmsgid": "r", "err_msg": "", "output": {"setlinfo": info, "setldetail": []}}
    )
    warnings: list[WireWarning] = []
    outcome = codec.decode_answer(200, {}, data.encode(), "2304", warnings)
    assert isinstance(outcome, m.Answered)
    assert isinstance(outcome.reply.body, m.Settled)
    return outcome.reply.body, warnings


def test_gd1_is_read_to_the_fen_without_a_warning(codec):
    body, warnings = read(codec, GD1)

    assert warnings == []
    assert (body.amounts.total_fen, body.amounts.pool_fen, body.amounts.cash_fen) == (579_253, 310_654, 268_599)
    assert body.settled_us == 60_000_000


def test_gd2_breaks_an_identity_and_the_parser_warns_and_does_not_crash(codec):
    body, warnings = read(codec, GD2)

    assert body.amounts.own_pay_fen == body.amounts.total_fen == 330_000
    assert [(warning.transaction, warning.got) for warning in warnings] == [
        ("2304", "total 330000 fen is not fund + person + hospital part 0 fen")
    ]


def test_fund_stated_with_the_personal_account_is_a_known_variance(codec):
    guangdong = GD1 | {"acct_pay": 85.99, "psn_cash_pay": 2600.00, "fund_pay_sumamt": 3192.53}
    body, warnings = read(codec, guangdong)

    assert (warnings, body.amounts.account_fen) == ([], 8599)


def test_a_fund_that_is_not_the_sum_of_its_parts_is_warned_of(codec):
    _, warnings = read(codec, GD1 | {"fund_pay_sumamt": 3106.55})
    assert [warning.got for warning in warnings] == ["fund 310655 fen is not the sum of its parts 310654 fen"]


def test_funds_we_keep_as_one_figure_are_added_up(codec):
    body, warnings = read(codec, GD1 | {"hifp_pay": 3000, "hifes_pay": 6.50, "hifdm_pay": 0.04, "oth_pay": 100})

    assert body.amounts.other_fund_fen == 10_654
    assert warnings == []
