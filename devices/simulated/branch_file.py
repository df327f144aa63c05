"""The `branch.yaml` that fits a simulated branch."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, Final

from devices.simulated.building import DESIGN
from devices.simulated.device_file import Addresses, cameras, devices, links
from devices.simulated.scenario import CARE_COUNTER, COUNTERS, SERVICES

_ZONES: Final = {
    "hall": ("等候休息区", "Waiting area"),
    "counters": ("现金柜台区", "Counters"),
    "self-service": ("智能自助区", "Self-service"),
}
_SERVICES: Final = {"personal": ("个人业务", "Personal"), "corporate": ("对公业务", "Corporate")}
_CLASSES: Final = {
    "normal": {"credit_min": 0},
    "care": {"credit_min": 10, "name": {"zh-CN": "爱心", "en": "Care"}},
    "vip": {"credit_min": 8},
    "appointment": {"credit_min": 15},
}


def _named(names: tuple[str, str]) -> dict[str, str]:
    return {"zh-CN": names[0], "en": names[1]}


def _zone(zone: str) -> dict[str, Any]:
    design = DESIGN[zone]
    built = {"name": _named(_ZONES[zone]), "area_m2": design.area_m2, "height_m": design.height_m}
    powers = {"cooling_kw": design.cooling_kw, "heating_kw": design.heating_kw, "fresh_air_max_l_s": design.fresh_air_max_l_s}
    return built | {name: value for name, value in powers.items() if value}


def _counter(counter: str) -> dict[str, Any]:
    first = {"first": "care"} if counter == CARE_COUNTER else {}
    return {"services": list(COUNTERS[counter]), "zone": "counters", **first}


def _flow(value: object) -> str:
    """One value in YAML's flow style: JSON but for plain keys."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(key)}: {_flow(entry)}" for key, entry in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_flow, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def _key(key: object) -> str:
    """A key as text stays text: `1` is a bus address, `"1"` a counter."""
    return f'"{key}"' if isinstance(key, str) and key.isdigit() else str(key)


def _block(name: str, entries: Mapping[str, Any]) -> str:
    return "".join([f"{name}:\n", *(f"  {_key(key)}: {_flow(entry)}\n" for key, entry in entries.items())])


def written(addresses: Addresses, *, broker_url: str, store: str, speed: float = 1.0) -> str:
    """The text; `web` and `headoffice` are left out for whoever starts the daemon to add."""
    services = {
        name: {"name": _named(_SERVICES[name]), "prefix": service.prefix, "target_wait_min": 10 if name == "personal" else 15}
        for name, service in SERVICES.items()
    }
    blocks: dict[str, Mapping[str, Any]] = {
        "branch": {"id": "simulated", "name": _named(("模拟支行", "Simulated branch")), "timezone": "Asia/Shanghai", "language": "zh-CN"},
        "hours": {"mon-fri": "09:00-17:00", "sat": "09:00-17:00"},
        "mqtt": {"url": broker_url},
        "zones": {zone: _zone(zone) for zone in DESIGN},
        "queue": {"authority": "smartbranch", "longest_wait_guard_min": 40},
        "services": services,
        "classes": _CLASSES,
        "counters": {counter: _counter(counter) for counter in COUNTERS},
        "doors": {"main": {"source": "door-beam", "name": _named(("正门", "Main door"))}},
        "links": links(addresses),
        "devices": devices(addresses, speed),
        "cameras": cameras(addresses),
        "store": {"folder": store},
    }
    return "\n".join(_block(name, entries) for name, entries in blocks.items() if entries)
