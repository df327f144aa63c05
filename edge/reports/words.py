"""Words of the service review, in both languages; `{}` is where a figure goes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final


def _both(en: str, zh: str) -> Mapping[str, str]:
    return {"en": en, "zh-CN": zh}


WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "title": _both("Service review", "服务回顾"),
    "made_of": _both("From {:,} events of the branch. Times in minutes.", "依据网点 {:,} 条事件。时间单位：分钟。"),
    "unknown": _both("not known", "未知"),
    "unknown_note": _both(
        "“Not known” means that nothing measured it, not that it was nought. Complaints do not reach this system.",
        "“未知”表示没有测量数据，并非为零。投诉不经过本系统。",
    ),
    "none": _both("none", "无"),
    "visitors": _both("Visitors", "到访人数"),
    "tickets": _both("Tickets", "取号数"),
    "missed": _both("{} more tickets were given that this system did not hear of.", "另有 {} 张号票本系统未收到。"),
    "within_target": _both("Within target", "达标率"),
    "abandonment": _both("Abandonment", "弃号率"),
    "care_wait": _both("Care customers' median wait", "爱心客户等候中位数"),
    "rating": _both("Rating", "评价"),
    "complaints": _both("Complaints", "投诉"),
    "by_service": _both("By service", "按业务"),
    "by_class": _both("By class of customer", "按客户类别"),
    "service": _both("Service", "业务"),
    "class": _both("Class", "类别"),
    "issued": _both("Issued", "取号"),
    "served": _both("Served", "办结"),
    "no_show": _both("No-show", "过号"),
    "abandoned": _both("Abandoned", "弃号"),
    "wait_mean": _both("Wait, mean", "平均等候"),
    "wait_p50": _both("Wait, median", "等候中位数"),
    "wait_p90": _both("Wait, nine in ten within", "九成等候不超过"),
    "busiest": _both("Hours of the day", "时段客流"),
    "hour": _both("Hour", "时段"),
    "tickets_a_day": _both("Tickets a day", "日均取号"),
    "share_bar": _both("", ""),
    "ratings": _both("Ratings", "评价分布"),
    "given": _both("Given", "次数"),
    "share": _both("Share", "占比"),
    "devices": _both("Devices", "设备"),
    "device": _both("Device", "设备"),
    "availability": _both("Available", "可用率"),
    "failures": _both("Failures", "故障次数"),
    "down_min": _both("Down", "停用时长"),
    "repair_min": _both("Mean time to repair", "平均修复时间"),
    "air": _both("Air while open", "营业时间空气质量"),
    "zone": _both("Zone", "区域"),
    "co2_within": _both("CO2 within limit", "二氧化碳达标"),
    "co2_max": _both("CO2, highest (ppm)", "二氧化碳最高 (ppm)"),
    "temperature_within": _both("Temperature within limits", "温度达标"),
    "temperature_min": _both("Lowest (°C)", "最低 (°C)"),
    "temperature_max": _both("Highest (°C)", "最高 (°C)"),
    "alerts": _both("Alerts", "告警"),
    "alert": _both("Alert", "告警"),
    "times": _both("Times", "次数"),
    "stood_min": _both("Stood, on average", "平均持续"),
}
