"""The words that invented firms and projects are named with.

A firm is called place + brand + trade + 有限公司. The places are no administrative divisions, the brands are pairs of
characters that are rare in firms' names, and no name is a person's: together they read like a firm's register and name
none that exists.
"""

from __future__ import annotations

from random import Random
from typing import Final

REGIONS: Final[dict[str, tuple[str, ...]]] = {
    "hubei": ("枫渡", "泽雩", "汀陂"),
    "hunan": ("岚汜", "芷陂", "杳湄"),
    "jiangsu": ("萤港", "漪垛", "栖汀"),
    "zhejiang": ("霁屿", "澜岬", "桐汜"),
    "guangdong": ("珩湾", "榕堇", "蓼埗"),
    "sichuan": ("雾岑", "琼垭", "绡坝"),
    "shandong": ("鹿岬", "苍堠", "砚墩"),
    "shaanxi": ("垣岫", "麓塬", "黍塬"),
}
"""Invented places by region."""

_BRAND_FIRST: Final = "泓砾峤澍栎霁岫珩翊铄琤旸渌磐岑桉楷阗煜衡"
_BRAND_LAST: Final = "垚砻岽瀛栩峃璟朔屹渟暄棠隽筠崤泫彧昶瑭槊"

TRADES: Final[dict[str, tuple[str, ...]]] = {
    "building": ("建筑工程", "建设工程", "建筑装饰"),
    "municipal": ("市政工程", "城市建设", "园林市政"),
    "transport": ("路桥工程", "交通建设", "公路工程"),
    "water": ("水利工程", "水务建设", "河道工程"),
    "railway": ("轨道工程", "铁路建设"),
    "energy": ("电力工程", "能源建设"),
}
"""Trades by industry."""

PROJECTS: Final[dict[str, tuple[str, ...]]] = {
    "building": ("安置房", "中学教学楼", "人才公寓", "门诊楼", "文化馆"),
    "municipal": ("雨污分流改造", "老旧小区改造", "综合管廊", "公园绿道"),
    "transport": ("快速路", "跨河大桥", "国道改线", "互通立交"),
    "water": ("提升泵站", "堤防加固", "灌区改造", "水库除险"),
    "railway": ("货运支线", "站房改建", "轨道交通土建"),
    "energy": ("变电站", "光伏电站", "充电场站"),
}
"""What is built, by industry."""

TITLES: Final[dict[str, tuple[str, str]]] = {
    "building": ("房建", "building"),
    "municipal": ("市政", "municipal"),
    "transport": ("交通", "transport"),
    "water": ("水利", "water"),
    "railway": ("铁路", "railway"),
    "energy": ("电力", "energy"),
    "hubei": ("湖北", "Hubei"),
    "hunan": ("湖南", "Hunan"),
    "jiangsu": ("江苏", "Jiangsu"),
    "zhejiang": ("浙江", "Zhejiang"),
    "guangdong": ("广东", "Guangdong"),
    "sichuan": ("四川", "Sichuan"),
    "shandong": ("山东", "Shandong"),
    "shaanxi": ("陕西", "Shaanxi"),
}
"""What industries and regions are called, zh and en."""

WORK_TYPES: Final[dict[str, str]] = {
    "building": "房建工程",
    "municipal": "市政工程",
    "transport": "交通工程",
    "water": "水利工程",
    "railway": "铁路工程",
    "energy": "电力工程",
}
COMPLAINTS: Final = ("工期延误", "质量缺陷", "夜间施工扰民", "扬尘", "图纸交付不及时", "结算争议")
REPORTS: Final = ("项目进度周报", "履约评价报告", "应收账款月报", "积分月度对账单", "材料价格简报")


def firm_names(random: Random, places: list[str], industries: list[str]) -> list[str]:
    """A name for each of some firms, in order, by its place and industry. No two bear the same brand."""
    brands = [a + b for a in _BRAND_FIRST for b in _BRAND_LAST]
    if len(places) > len(brands):
        raise ValueError(f"there are words for {len(brands)} firms, not for {len(places)}")
    random.shuffle(brands)
    return [
        f"{place}{brand}{random.choice(TRADES[industry])}有限公司"
        for place, brand, industry in zip(places, brands, industries, strict=False)
    ]


def project_name(random: Random, place: str, industry: str, number: int) -> str:
    """A project's name; the number keeps two of a kind apart."""
    return f"{place}{random.choice(PROJECTS[industry])}工程{number:04d}标段"
