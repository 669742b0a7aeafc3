"""The catalogue of errors: every way a transaction can fail to end in a yes, in two languages, with its owner.

One row a code: its class (source 001 asks for one standard of classified, plain messages), what is wrong, what the
clerk does next, and who has to put it right. A refusal's English is ``errors.REASONS``, which is what travels; the rest
stands here. ``unmet`` says why a code cannot come up in a run of yidi: a test holds every other row to a place in the
code that gives it. The page ``docs/errors.md`` is made from this table.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from reference_impl.domain.errors import REASONS, Refusal
from reference_impl.domain.unheard import UNHEARD_REASONS, Unheard

__all__ = [
    "BY_OUTCOME",
    "CATALOGUE",
    "GROUP_LETTERS",
    "GROUP_NAMES_ZH",
    "MALFORMED",
    "OWNER_NAMES_ZH",
    "UNCODED",
    "Group",
    "Owner",
    "Row",
    "group_of",
]

MALFORMED: Final = "D00"
"""The refusal a node answers to bytes that it cannot read."""
UNCODED: Final = "U00"
"""The refusal of a platform that names no code."""


class Group(StrEnum):
    """The classes of errors, as clients of hospitals group them (domain facts §1.11)."""

    TRANSPORT = "transport"
    IDENTITY = "identity"
    ELIGIBILITY = "eligibility"
    STATE = "state"
    DATA = "data"
    CONFIGURATION = "configuration"
    ONE_SIDED = "one_sided"


GROUP_LETTERS: dict[str, Group] = {group.name[0]: group for group in Group}
GROUP_NAMES_ZH: dict[Group, str] = {
    Group.TRANSPORT: "传输",
    Group.IDENTITY: "身份与会话",
    Group.ELIGIBILITY: "待遇资格",
    Group.STATE: "业务状态",
    Group.DATA: "数据与对码",
    Group.CONFIGURATION: "待遇配置",
    Group.ONE_SIDED: "单边账",
}


class Owner(StrEnum):
    """Who has to put it right: to whom an abnormal transaction is handed. ASSUMED."""

    HOSPITAL = "hospital"
    CARE = "care"
    HUB = "hub"
    INSURED = "insured"


OWNER_NAMES_ZH: dict[Owner, str] = {
    Owner.HOSPITAL: "定点医药机构",
    Owner.CARE: "就医地经办机构",
    Owner.HUB: "国家平台",
    Owner.INSURED: "参保地经办机构",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One error: ``code`` is stable, the sentences are for a clerk."""

    code: str
    owner: Owner
    what: str
    next_step: str
    what_zh: str
    next_zh: str
    unmet: str = ""

    @property
    def group(self) -> Group:
        """Its class."""
        return group_of(self.code)


def group_of(code: str) -> Group:
    """Return the class of a code: its letter; whoever names no code has sent data that nobody can use.

    >>> group_of("S03"), group_of("U00")
    (<Group.STATE: 'state'>, <Group.DATA: 'data'>)
    """
    return Group.DATA if code == UNCODED else GROUP_LETTERS[code[0]]


def _refusal(refusal: Refusal, owner: Owner, what_zh: str, next_zh: str, *, unmet: str = "") -> Row:
    what, _, next_step = REASONS[refusal].rpartition("; ")
    return Row(refusal.value, owner, what, next_step, what_zh, next_zh, unmet)


_HOSPITAL, _CARE, _HUB, _INSURED = Owner


def _unheard(why: Unheard, what_zh: str, next_zh: str) -> Row:
    what, _, next_step = UNHEARD_REASONS[why].rpartition("; ")
    return Row(why.value, _HOSPITAL, what, next_step, what_zh, next_zh)


_ROWS = (
    # --- no verdict came: never stored, and never a no ---
    Row("T01", _CARE, "no answer came in time: nobody knows whether it was done", "send the same message again",
        "未在时限内收到应答，业务是否成功未知", "用原报文号重发查询，不得当作失败"),
    Row("T02", _CARE, "nobody listens at the address: surely nothing was done", "try again, then tell the care place",
        "对方系统无法连接，业务未办理", "稍后重试，仍不通时报就医地"),
    Row("T03", _CARE, "the message, or another about the visit, is being worked on", "send the same message again",
        "该业务正在处理中", "稍候用原报文号重发"),
    Row("T04", _HUB, "too much work: nothing was done", "wait as long as the answer says, then try again",
        "系统繁忙，业务未办理", "按应答提示的时间等候后重试"),
    Row("T05", _INSURED, "the door is closed for planned work: nothing was done", "do as the notice of the stop says",
        "系统停机维护，暂停受理，业务未办理", "按停机公告办理"),
    Row("T06", _CARE, "a yes with an error beside it, or without its receipt, is no yes", "send the same message again",
        "应答成功但带错误信息或缺少回执，不能视为成功", "用原报文号重发查询"),
    Row("T07", _CARE, "the node cannot serve at all: nothing was done", "try again, then tell the care place",
        "节点无法提供服务，业务未办理", "稍后重试，仍不行时报就医地"),
    # --- identity and session ---
    _refusal(Refusal.NOT_SIGNED_IN, _HOSPITAL, "窗口尚未签到", "先办理9001签到，再重新发送"),
    _refusal(Refusal.SESSION_OVER, _HOSPITAL, "签到已失效或本系统无此签到", "重新办理9001签到后再发送"),
    _refusal(Refusal.OTHERS_SESSION, _HOSPITAL, "签到编号属于其他机构或窗口", "核对签到流水号"),
    # --- eligibility ---
    _refusal(Refusal.NOT_INSURED, _INSURED, "该地无此参保人", "核对证件号码和参保地"),
    _refusal(Refusal.NO_SUCH_INSURER, _HOSPITAL, "参保地编码无对应省份", "核对参保地编码"),
    _refusal(Refusal.NOT_NETWORKED, _CARE, "该机构未开通此类异地直接结算", "核对机构编码"),
    _refusal(Refusal.OTHER_INSURANCE, _HOSPITAL, "参保人的险种与所报不符", "核对险种"),
    _refusal(Refusal.NUMBER_NOT_MAPPED, _INSURED, "人员编号已变更，对照表中无此人", "转手工报销，并告知参保地"),
    _refusal(Refusal.OLD_NUMBER, _HOSPITAL, "该人员编号已变更，旧号停用", "凭证件重新获取人员信息"),
    _refusal(Refusal.NOT_FILED, _HOSPITAL, "未备案", "补办备案后直接结算，否则转手工报销"),
    _refusal(Refusal.FILING_EXPIRED, _HOSPITAL, "备案在就诊前已到期", "重新备案后直接结算，否则转手工报销"),
    _refusal(Refusal.FILED_ELSEWHERE, _HOSPITAL, "备案的就医地不是此地", "改备案到此地后直接结算，否则转手工报销"),
    _refusal(Refusal.HOSPITAL_NOT_NAMED, _HOSPITAL, "备案未勾选本机构", "增加本机构，否则转手工报销"),
    _refusal(Refusal.FILING_USED_UP, _HOSPITAL, "转诊备案的结算次数已用完", "重新备案后直接结算，否则转手工报销"),
    _refusal(Refusal.FILING_NOT_UPLOADED, _INSURED, "备案已受理，尚未上传国家平台", "稍后再结算"),
    _refusal(Refusal.BENEFITS_INTERRUPTED, _INSURED, "待遇中断，不能备案", "先到参保地处理"),
    _refusal(Refusal.NOT_OPENED, _CARE, "该机构此类就诊尚未开通异地直接结算", "转手工报销"),
    _refusal(Refusal.CERTIFICATE_SUSPENDED, _HOSPITAL, "所持就诊凭证已挂失或未激活", "请患者出示其他凭证"),
    _refusal(Refusal.DISEASE_NOT_RECOGNISED, _HOSPITAL, "未认定该门诊慢特病病种", "按普通门诊结算"),
    _refusal(Refusal.NOT_DUAL_CHANNEL, _HOSPITAL, "本药店不是双通道定点药店", "到双通道药店购药"),
    # --- state ---
    _refusal(Refusal.NO_SUCH_VISIT, _HOSPITAL, "无此就诊记录", "先办理挂号或入院登记"),
    _refusal(Refusal.VISIT_CANCELLED, _HOSPITAL, "该就诊已撤销", "重新办理登记"),
    _refusal(Refusal.ALREADY_SETTLED, _HOSPITAL, "该就诊已结算", "先撤销结算"),
    _refusal(Refusal.NOT_SETTLED, _HOSPITAL, "该就诊未结算", "无需撤销"),
    _refusal(Refusal.ALREADY_DISCHARGED, _HOSPITAL, "已办理出院", "先撤销出院"),
    _refusal(Refusal.NOT_DISCHARGED, _HOSPITAL, "未办理出院", "无需撤销"),
    _refusal(Refusal.CHARGES_REMAIN, _HOSPITAL, "就诊下仍有费用明细", "先撤销费用明细"),
    _refusal(Refusal.REVERSED, _HOSPITAL, "该报文在到达前已被冲正，业务未办理", "如需办理请换新报文号"),
    _refusal(Refusal.LATER_STANDS, _HOSPITAL, "该参保人有更晚的结算", "先撤销更晚的结算"),
    _refusal(Refusal.EARLIER_UNSETTLED, _HOSPITAL, "在他处的住院尚未结算", "先结算，再备案"),
    _refusal(Refusal.FILED_ALREADY, _HOSPITAL, "该就医地该时段已有备案", "无需重复备案"),
    _refusal(Refusal.FILING_LOCKED, _INSURED, "长期居住备案尚在不可变更期内", "向参保地查询可变更日期"),
    _refusal(Refusal.PERSON_NOT_RECEIVED, _INSURED, "参保地未收到该参保人现行参保信息", "待参保地下次下载后再结算"),
    _refusal(Refusal.PREFUND_SHORT, _INSURED, "参保地在就医地的预付金余额不足", "转手工报销，并提请紧急调增"),
    _refusal(Refusal.STAY_WAS_WHOLE, _HOSPITAL, "所续住院已出院结算，不能续接", "不填续接就诊号，按单次住院结算"),
    _refusal(Refusal.CONTINUED_ALREADY, _HOSPITAL, "所续住院已有后续住院结算", "改填最近一次中途结算的就诊号"),
    _refusal(Refusal.NOT_TREATED_HERE, _HOSPITAL, "该参保人在本机构无进行中的就诊", "先办理挂号，再凭就诊号查询"),
    _refusal(Refusal.PERIOD_REVERSED, _HOSPITAL, "查询的结束时间早于开始时间", "核对开始时间和结束时间"),
    _refusal(Refusal.TOO_MANY_TO_TELL, _HOSPITAL, "该时段就诊记录过多，一次应答无法返回", "缩短查询时段"),
    _refusal(Refusal.NOBODY_NAMED, _HOSPITAL, "在院信息按人查询，未填人员编号", "填写人员编号后查询"),
    _refusal(Refusal.LINES_NOT_KEPT, _CARE, "购药明细或早期账簿的费用明细未逐条留存", "在本机构系统中查询"),
    _refusal(Refusal.REST_TOO_LATE, _HOSPITAL, "距中途结算过久，不能续接该次住院", "不填续接就诊号，按新住院结算"),
    _refusal(Refusal.ORDER_EXPIRED, _HOSPITAL, "购药订单超过确认时限", "重新下单"),
    _refusal(Refusal.PRESCRIPTION_USED, _HOSPITAL, "该电子处方已购药结算", "不再按此处方结算"),
    _refusal(Refusal.PRESCRIPTION_EXPIRED, _HOSPITAL, "该电子处方已过有效期", "重新开具处方"),
    _refusal(Refusal.OTHERS_PRESCRIPTION, _HOSPITAL, "该电子处方属于其他参保人", "核对处方号和人员编号"),
    _refusal(Refusal.PRESCRIPTION_TAKEN, _HOSPITAL, "该处方号已有电子处方", "每张处方使用各自的处方号"),
    # --- data ---
    Row(MALFORMED, _HOSPITAL, "the message breaks the interface: the field is named", "mend the field and send it anew",
        "报文不符合接口规范，已指明字段", "改正该字段后重新发送"),
    _refusal(Refusal.TOTALS_DIFFER, _HOSPITAL, "总额与上传明细不一致", "重新上传明细"),
    _refusal(Refusal.OTHER_CONTENT, _HOSPITAL, "该报文号已用于其他内容", "换新报文号"),
    _refusal(Refusal.ITEM_NOT_MAPPED, _HOSPITAL, "有项目无国家编码", "先完成对码"),
    _refusal(Refusal.NOT_REVERSIBLE, _HOSPITAL, "该交易不支持冲正", "改用撤销交易"),
    _refusal(Refusal.NO_SUCH_TRANSACTION, _HOSPITAL, "此处无该交易", "核对交易编号"),
    _refusal(Refusal.OTHER_INSURER, _HOSPITAL, "就诊或报文属于其他参保地", "核对参保地编码"),
    _refusal(Refusal.NOT_YOUR_MESSAGE_ID, _HOSPITAL, "报文号须以发送机构编码开头", "核对报文号"),
    _refusal(Refusal.OTHER_TRANSACTION, _HOSPITAL, "被冲正的报文是其他交易", "核对原交易编号"),
    _refusal(Refusal.OTHER_CARE_REGION, _HOSPITAL, "该机构不在所报就医地", "核对就医地编码"),
    _refusal(Refusal.NEGATIVE_TOTAL, _HOSPITAL, "退费大于原费用", "核对明细"),
    _refusal(Refusal.TOTAL_TOO_LARGE, _HOSPITAL, "费用超出金额上限", "核对明细"),
    _refusal(Refusal.LINE_REPEATED, _HOSPITAL, "明细流水号重复", "每条费用使用各自的流水号"),
    _refusal(Refusal.NO_SUCH_LINE, _HOSPITAL, "就诊下无该明细或批次", "核对明细流水号或批次号"),
    _refusal(Refusal.LINE_AMOUNT, _HOSPITAL, "明细金额不等于数量乘单价", "核对明细"),
    _refusal(Refusal.SPLIT_DIFFERS, _HOSPITAL,
             "所报费用分割与计价结果不一致", "核对全自费、超限价、先自付和范围内金额"),
    _refusal(Refusal.OTHER_KIND, _HOSPITAL, "就诊类别与该交易不符", "核对交易编号"),
    _refusal(Refusal.NO_SUCH_END, _HOSPITAL, "出院时间早于入院时间或过晚", "核对出院时间"),
    _refusal(Refusal.OTHER_DIALECT, _HOSPITAL, "此处现不使用该版本接口，业务未办理", "改用另一版本接口发送"),
    _refusal(Refusal.NO_SUCH_FILING, _HOSPITAL, "无此有效备案", "核对备案编号"),
    _refusal(Refusal.NO_SUCH_FILING_KIND, _HOSPITAL, "无此备案类型", "核对备案类型"),
    _refusal(Refusal.NO_FILING_NEEDED, _HOSPITAL, "该类就医无需备案", "无需备案"),
    _refusal(Refusal.NO_SUCH_REGION, _HOSPITAL, "备案的就医地编码不存在", "核对就医地编码"),
    _refusal(Refusal.CODE_NOT_RECEIVED, _CARE, "项目编码为新版本，就医地尚未下载", "待就医地下次下载后重新上传明细"),
    _refusal(Refusal.CODE_ENDED, _HOSPITAL, "项目编码已停用", "下载最新目录，重新对码后再上传明细"),
    _refusal(Refusal.HOSPITAL_NOT_RATED, _INSURED, "参保地无该机构当前有效的结算等级", "待参保地下次下载后再结算"),
    _refusal(Refusal.NO_LINE_TO_REFUND, _HOSPITAL, "就诊中无此原费用明细，不能退费", "核对被退明细流水号"),
    _refusal(Refusal.REFUND_TOO_LARGE, _HOSPITAL, "退费金额超过原明细剩余金额", "核对退费数量"),
    _refusal(Refusal.REFUND_SIGN, _HOSPITAL, "单价不得为负，退费的数量和金额应为负", "核对明细"),
    _refusal(Refusal.NO_SUCH_CARE_TYPE, _HOSPITAL, "此处不支持该医疗类别", "核对医疗类别"),
    _refusal(Refusal.OTHER_CARE_TYPE, _HOSPITAL, "结算的医疗类别与就诊信息不符", "核对医疗类别和急诊标志"),
    _refusal(Refusal.NOT_DIAGNOSED, _HOSPITAL, "该就诊未上传诊断", "先上传就诊信息"),
    _refusal(Refusal.NO_SUCH_PART, _HOSPITAL, "所续就诊号下无该参保人的住院结算", "核对续接就诊号"),
    _refusal(Refusal.MID_STAY_ENDED, _HOSPITAL, "已办理出院，不能中途结算", "核对中途结算标志"),
    _refusal(Refusal.NO_SUCH_ORDER, _HOSPITAL, "无此参保人的购药订单", "核对订单号，或先下单"),
    _refusal(Refusal.ORDER_PAID, _HOSPITAL, "购药订单已结算", "退费，或交付药品"),
    _refusal(Refusal.ORDER_CANCELLED, _HOSPITAL, "购药订单已取消或已退费", "重新下单"),
    _refusal(Refusal.NO_SUCH_PRESCRIPTION, _HOSPITAL, "参保地无此电子处方", "先结算开具处方的复诊，或核对处方号"),
    _refusal(Refusal.PRESCRIBES_NOTHING, _HOSPITAL, "只有互联网复诊结算时可开具电子处方", "不填处方号后结算"),
    _refusal(Refusal.NO_DRUGS_PRESCRIBED, _HOSPITAL, "电子处方缺处方号或药品数量", "填30位内处方号，药品数量大于零"),
    _refusal(Refusal.NOT_PRESCRIBED, _HOSPITAL, "所购药品不在处方内或数量超出处方", "核对目录编码、数量和处方号"),
    _refusal(Refusal.ORDER_HAS_LINES, _CARE, "订单按下单明细结算，不得另附明细", "只填订单号，不传明细"),
    Row(UNCODED, _CARE, "the platform says no and names no code", "ask the care place what it means",
        "平台拒绝但未给出错误编码", "向就医地查询原因",
        unmet="every node of yidi names a code; it is read from a platform of others"),
    # --- configuration of the benefit ---
    _refusal(Refusal.NO_TERMS, _INSURED, "待遇政策未规定此类就诊", "转手工报销"),
    _refusal(Refusal.YEAR_CLOSED, _INSURED, "出院年度已关账或尚未开始", "转手工报销"),
    # --- identity of the sender ---
    _unheard(Unheard.NOT_SIGNED, "签名报文头缺失、重复或格式不符", "按约定的报文头签名后发送"),
    _unheard(Unheard.UNKNOWN_KEY, "无此密钥编号", "与就医地核对密钥编号"),
    _unheard(Unheard.REVOKED_KEY, "密钥已注销", "改用新密钥签名"),
    _unheard(Unheard.BAD_SIGNATURE, "签名与报文不符，报文被改动或密钥有误", "对实际发送的报文重新签名"),
    _unheard(Unheard.STALE_TIME, "签名时间过旧、过早或早于系统启动", "校准时钟后重新签名发送"),
    _unheard(Unheard.REPLAYED, "该签名报文已受理过", "重新签名后再查询"),
    _refusal(Refusal.OTHERS_KEY, _HOSPITAL, "所用密钥属于其他机构", "核对机构编码和密钥"),
    _refusal(Refusal.NOT_SEALED, _HOSPITAL, "报文未经医药机构签封", "在 cainfo 中签封后重新发送"),
    _refusal(Refusal.SEAL_BROKEN, _CARE, "收到的内容与医药机构签封的不符", "告知参保地，并重新发送"),
    _refusal(Refusal.SEAL_KEY_UNKNOWN, _INSURED, "参保地无该机构现行签封密钥", "报送密钥后重新发送"),
    # --- one-sided ---
    _refusal(Refusal.ONE_SIDED, _INSURED, "参保地无此结算记录", "退费并转手工报销"),
)  # fmt: skip

CATALOGUE: dict[str, Row] = {row.code: row for row in _ROWS}
"""Every error by its code, in the order of the page."""

BY_OUTCOME: dict[str, str] = {
    "unknown": "T01",
    "unreachable": "T02",
    "busy": "T03",
    "overloaded": "T04",
    "closed": "T05",
}
"""The code of an attempt without a verdict, by its outcome in the record."""
