"""Regions by their codes: provinces, cities, and whether two regions lie in different provinces.

A region (admvs) has 6 digits: province (2), city (2), county (2). Cross-province means that the first 2 digits differ;
a client that compares 4 gets it wrong inside a province (domain facts 1.12). Codes are those of GB/T 2260, the Corps
with the platform's own 66 (domain facts 7.3). Taiwan, Hong Kong and Macao are outside the insurance scheme.
"""

from __future__ import annotations

import difflib
from typing import NamedTuple


class Province(NamedTuple):
    """A province-level region."""

    code: str
    name_zh: str
    name: str


# GB/T 2260 names and codes RECALLED (a public standard); 66 FOUND.
_TABLE = """
11 北京 Beijing
12 天津 Tianjin
13 河北 Hebei
14 山西 Shanxi
15 内蒙古 Inner Mongolia
21 辽宁 Liaoning
22 吉林 Jilin
23 黑龙江 Heilongjiang
31 上海 Shanghai
32 江苏 Jiangsu
33 浙江 Zhejiang
34 安徽 Anhui
35 福建 Fujian
36 江西 Jiangxi
37 山东 Shandong
41 河南 Henan
42 湖北 Hubei
43 湖南 Hunan
44 广东 Guangdong
45 广西 Guangxi
46 海南 Hainan
50 重庆 Chongqing
51 四川 Sichuan
52 贵州 Guizhou
53 云南 Yunnan
54 西藏 Tibet
61 陕西 Shaanxi
62 甘肃 Gansu
63 青海 Qinghai
64 宁夏 Ningxia
65 新疆 Xinjiang
66 兵团 Xinjiang Production and Construction Corps
"""


def _read(table: str) -> dict[str, Province]:
    rows = (line.split(maxsplit=2) for line in table.strip().splitlines())
    return {code: Province(code + "0000", name_zh, name) for code, name_zh, name in rows}


PROVINCES = _read(_TABLE)
"""Province by its 2 digits."""


PROVINCE_DIGITS = 2
CITY_DIGITS = 4
REGION_DIGITS = 6


def province_of(region: str) -> str:
    """Return the province's 2 digits.

    >>> province_of("341500")
    '34'
    """
    return region[:PROVINCE_DIGITS]


def is_region(code: str) -> bool:
    """Return whether a code can be a region's: six digits, the first two a province's.

    >>> is_region("330400"), is_region("33"), is_region("990000")
    (True, False, False)
    """
    return len(code) == REGION_DIGITS and code.isascii() and code.isdigit() and province_of(code) in PROVINCES


def city_of(region: str) -> str:
    """Return the city's 4 digits."""
    return region[:CITY_DIGITS]


def is_cross_province(care_region: str, insured_region: str) -> bool:
    """Return whether two regions lie in different provinces; a blank insured region is treated as local."""
    return bool(insured_region) and province_of(care_region) != province_of(insured_region)


def nearest(text: str) -> str:
    """Return the province code that ``text``, a mistyped code or name, most likely means; empty when none is near.

    >>> nearest("Zhejang")
    '33'
    """
    if province_of(text) in PROVINCES:
        return province_of(text)
    codes = {word.lower(): code for code, row in PROVINCES.items() for word in (code, row.name_zh, row.name)}
    found = difflib.get_close_matches(text.lower(), codes, n=1, cutoff=0.6)
    return codes[found[0]] if found else ""
