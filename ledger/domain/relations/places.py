"""Places in names of firms and authorities.

江苏交通厅 is 江苏省交通厅: the word for what kind of place it is (省, 市, 县, 区) is said by one who writes and left
out by the next.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final, NamedTuple

from ledger.domain.relations.sounds import voiced

_PROVINCES: Final = """
北京 天津 上海 重庆 河北 山西 辽宁 吉林 黑龙江 江苏 浙江 安徽 福建 江西 山东 河南 湖北 湖南 广东 海南 四川 贵州
云南 陕西 甘肃 青海 台湾 内蒙古 广西 西藏 宁夏 新疆 香港 澳门
"""
# From north to south.
_CITIES: Final = """
石家庄 唐山 秦皇岛 邯郸 邢台 保定 张家口 承德 沧州 廊坊 衡水 太原 大同 阳泉 长治 晋城 朔州 晋中 运城 忻州 临汾
吕梁 呼和浩特 包头 乌海 赤峰 通辽 鄂尔多斯 呼伦贝尔 巴彦淖尔 乌兰察布 沈阳 大连 鞍山 抚顺 本溪 丹东 锦州 营口
阜新 辽阳 盘锦 铁岭 朝阳 葫芦岛 长春 四平 辽源 通化 白山 松原 白城 哈尔滨 齐齐哈尔 鸡西 鹤岗 双鸭山 大庆 伊春
佳木斯 七台河 牡丹江 黑河 绥化 南京 无锡 徐州 常州 苏州 南通 连云港 淮安 盐城 扬州 镇江 泰州 宿迁 杭州 宁波 温州
嘉兴 湖州 绍兴 金华 衢州 舟山 台州 丽水 合肥 芜湖 蚌埠 淮南 马鞍山 淮北 铜陵 安庆 黄山 滁州 阜阳 宿州 六安 亳州
池州 宣城 福州 厦门 莆田 三明 泉州 漳州 南平 龙岩 宁德 南昌 景德镇 萍乡 九江 新余 鹰潭 赣州 吉安 宜春 抚州 上饶
济南 青岛 淄博 枣庄 东营 烟台 潍坊 济宁 泰安 威海 日照 临沂 德州 聊城 滨州 菏泽 郑州 开封 洛阳 平顶山 安阳 鹤壁
新乡 焦作 濮阳 许昌 漯河 三门峡 南阳 商丘 信阳 周口 驻马店 武汉 黄石 十堰 宜昌 襄阳 鄂州 荆门 孝感 荆州 黄冈
咸宁 随州 恩施 长沙 株洲 湘潭 衡阳 邵阳 岳阳 常德 张家界 益阳 郴州 永州 怀化 娄底 广州 韶关 深圳 珠海 汕头 佛山
江门 湛江 茂名 肇庆 惠州 梅州 汕尾 河源 阳江 清远 东莞 中山 潮州 揭阳 云浮 南宁 柳州 桂林 梧州 北海 防城港 钦州
贵港 玉林 百色 贺州 河池 来宾 崇左 海口 三亚 成都 自贡 攀枝花 泸州 德阳 绵阳 广元 遂宁 内江 乐山 南充 眉山 宜宾
广安 达州 雅安 巴中 资阳 贵阳 六盘水 遵义 安顺 毕节 铜仁 昆明 曲靖 玉溪 保山 昭通 丽江 普洱 临沧 拉萨 西安 铜川
宝鸡 咸阳 渭南 延安 汉中 榆林 安康 商洛 兰州 嘉峪关 金昌 白银 天水 武威 张掖 平凉 酒泉 庆阳 定西 陇南 西宁 海东
银川 石嘴山 吴忠 固原 中卫 乌鲁木齐 克拉玛依 吐鲁番 哈密
"""
REGIONS: Final = frozenset((_PROVINCES + _CITIES).split())
"""Provinces and cities as names begin with them; others are places only where the name says what kind they are."""
_LENGTHS: Final = sorted({len(region) for region in REGIONS}, reverse=True)

# 市 is none in 市政工程 and 市场, and is in 市政府.
_CITY: Final = "市(?!政(?!府)|场)"
_KIND: Final = re.compile(f"[省县区]|{_CITY}")
_KIND_OF_REGION: Final = re.compile(
    f"省(?!道|际)|{_CITY}|(?:壮族|回族|维吾尔)?自治区|特别行政区|县(?!城|域)|区(?!域|间)"
)
_KEPT: Final = ("县", "区")
"""南昌县 lies beside 南昌: what follows the name of a province or city so is told apart."""
# 新城市 and 大都市 are no places.
_DIVISION: Final = re.compile(f"(?P<name>[^省市县区]{{2,3}})(?P<kind>(?<![城都]){_CITY}|县(?!城|域)|区(?!域|间))")
_CITY_KIND: Final = "市"
_PLACES_MAX: Final = 3


class Place(NamedTuple):
    """What a place is called, and the kind that it is said to be of ("" where none is said)."""

    name: str
    kind: str


class Placed(NamedTuple):
    """A core whose places are called by their names alone."""

    text: str
    kinds: tuple[tuple[str, str], ...]
    """Of each place whose kind was said: its name, and the kind (省, 市 …)."""
    length: int
    """So many characters of the text are places; 0 as well where none is said to be of a kind."""


def region_of(core: str, at: int = 0) -> str:
    """The region that a core begins with, or has at a place in it, "" where it is none of `REGIONS`."""
    for length in _LENGTHS:
        if (region := core[at : at + length]) in REGIONS:
            return region
    return ""


@lru_cache(maxsize=4_096)
def placed(core: str) -> Placed:
    """A core without the kinds of the places that it begins with: of 江苏省昆山市水利局, 江苏昆山水利局."""
    if _KIND.search(core) is None:
        return Placed(core, (), 0)
    at, text, kinds = 0, "", list[tuple[str, str]]()
    for _ in range(_PLACES_MAX):
        region = region_of(core, at)
        # Behind another place 朝阳区 is what it says; in front it lies beside 朝阳, or not.
        division = _DIVISION.match(core, at) if at or not region else None
        if division is not None:
            name, kind, end = division["name"], division["kind"], division.end()
        elif region:
            match = _KIND_OF_REGION.match(core, at + len(region))
            name, kind, end = region, match[0] if match else "", match.end() if match else at + len(region)
            if kind in _KEPT:
                kinds.append((name, kind))
                name, kind = name + kind, ""
        else:
            break
        text, at = text + name, end
        if kind:
            kinds.append((name, kind))
    return Placed(text + core[at:], tuple(kinds), len(text))


def text_placed(core: str) -> str:
    """The text of `placed`; of most names, in which no place has a kind, at once."""
    return core if _KIND.search(core) is None else placed(core).text


def places_differ(one: Placed, other: Placed) -> bool:
    """Whether one place is said to be of two kinds (吉林省, 吉林市), or two are said to be of one (江夏区, 江汉区); not
    where one is no place that is known and sounds like the other (振江市, 镇江市)."""
    kinds, names = dict(other.kinds), {kind: name for name, kind in other.kinds}
    if any(kinds.get(name, kind) != kind for name, kind in one.kinds):
        return True
    said = {kind: name for name, kind in one.kinds}.items()
    return any(
        names.get(kind, name) != name and not _is_misheard(Place(name, kind), Place(names[kind], kind))
        for kind, name in said
    )


def places_heard(one: Placed, other: Placed) -> bool:
    """Whether each place of a text is, in another that sounds the same, the same place or one that was mistyped."""
    for at, (here, there) in enumerate(zip(one.text, other.text, strict=True)):
        if here != there:
            places = _place_at(one, at), _place_at(other, at)
            if any(place.name for place in places) and not _is_misheard(*places):
                return False
    return True


def _is_misheard(one: Place, other: Place) -> bool:
    """Whether of two places that are written otherwise one is known and the other is what it sounds like. All provinces
    and cities of the first order are known: what is said to be of another kind may be a place of its own."""
    known, mistyped = (one, other) if one.name in REGIONS else (other, one)
    if known.name not in REGIONS or mistyped.name in REGIONS or mistyped.kind not in ("", _CITY_KIND):
        return False
    return not mistyped.name or voiced(known.name) == voiced(mistyped.name)


def _place_at(side: Placed, at: int) -> Place:
    """The place that a character in front of a text belongs to; one without a name where it belongs to none."""
    kinds, end = dict(side.kinds), 0
    while end <= at:
        said = next((name for name, _ in side.kinds if side.text.startswith(name, end)), "")
        name = said if said and end < side.length else region_of(side.text, end)
        if not name:
            return Place("", "")
        end += len(name)
        kind = kinds.get(name, "")
        if kind in _KEPT and side.text.startswith(kind, end):
            end += len(kind)
        if at < end:
            return Place(name, kind)
    raise AssertionError("a place has characters")
