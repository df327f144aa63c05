"""Discovery: the branch as Home Assistant finds it by MQTT device discovery; pure.

The form is that of https://www.home-assistant.io/integrations/mqtt/#device-discovery-payload (2024.11 and later): the branch, each
zone and each device is a device of its own with its components; what they show and command are the topics of docs/topics.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

from devices.reading import Text
from edge.branch.plan import Plan

Payload = Mapping[str, Any]
PREFIX: Final = "homeassistant/device"
_MODES: Final = ("off", "cool", "heat", "fan_only", "dry", "auto")
_OURS_TO_THEIRS: Final = "{{ 'fan_only' if value_json.mode == 'fan' else value_json.mode }}"
_COUNTER_STATES: Final = ("closed", "open", "serving", "paused")
_DEVICE_STATES: Final = ("online", "stale", "faulty", "offline", "unknown")
_WORDS: Final[Mapping[str, tuple[str, str]]] = {
    "waiting": ("等候人数", "waiting"),
    "longest_wait_s": ("最长等候", "longest wait"),
    "p50": ("预计等候（中位）", "expected wait"),
    "p90": ("预计等候（九成以内）", "expected wait, nine in ten"),
    "served_today": ("今日已办理", "served today"),
    "abandoned_today": ("今日已离开", "gave up today"),
    "counter": ("号窗口", "counter"),
    "call_next": ("叫号", "call next"),
    "issue": ("取号", "issue a ticket"),
    "in_today": ("今日进入", "in today"),
    "out_today": ("今日离开", "out today"),
    "inside": ("在店人数", "people inside"),
    "people": ("人数", "people"),
    "problems": ("问题", "problems"),
    "uplink": ("总行线路", "line to head office"),
    "backlog": ("待传事件", "events to be sent"),
    "climate": ("空调", "climate"),
    "release": ("恢复自动", "back to automatic"),
    "temperature_c": ("温度", "temperature"),
    "relative_humidity_pct": ("湿度", "humidity"),
    "co2_ppm": ("二氧化碳", "CO2"),
    "fan_pct": ("风速", "fan"),
    "fresh_air_pct": ("新风", "fresh air"),
    "light_pct": ("照明", "light"),
    "blind_pct": ("遮阳", "blinds"),
    "volume_pct": ("音量", "volume"),
    "state": ("状态", "state"),
    "reason": ("原因", "reason"),
    "last_seen": ("最近消息", "last seen"),
}
_AIR: Final = (
    ("temperature_c", {"device_class": "temperature", "unit_of_measurement": "°C"}),
    ("relative_humidity_pct", {"device_class": "humidity", "unit_of_measurement": "%"}),
    ("co2_ppm", {"device_class": "carbon_dioxide", "unit_of_measurement": "ppm"}),
)
_MEASURED: Final = {"state_class": "measurement"}
_GROWS: Final = {"state_class": "total_increasing"}
_SECONDS: Final = {"device_class": "duration", "unit_of_measurement": "s", **_MEASURED}


def discovery(plan: Plan, version: str, *, uplink: bool) -> dict[str, Payload]:
    """Absolute topic -> retained payload; `uplink`: whether the branch has a head office."""
    make = _Maker(plan, version)
    return dict(
        [_branch(make, uplink=uplink), *(_zone(make, zone) for zone in plan.zones), *(_device(make, device) for device in plan.devices)]
    )


def is_ours(branch: str, topic: str) -> bool:
    """Whether a topic of Home Assistant's is one that this branch announces, or once announced."""
    node = topic.removeprefix(f"{PREFIX}/").removesuffix("/config")
    return node == _node(branch) or node.startswith((f"{_node(branch)}_zone_", f"{_node(branch)}_device_"))


def _node(branch: str) -> str:
    """A branch's id has no underscores, so that one branch's topics never begin as another's."""
    return f"smartbranch_{branch}"


class _Maker:
    """Makes devices and components of one branch, named in its language."""

    def __init__(self, plan: Plan, version: str) -> None:
        self.plan, self.root, self._version = plan, f"branch/{plan.branch}", version

    def word(self, key: str, name: str = "") -> str:
        """`Personal waiting`: a thing's name and what of it."""
        return f"{name} {_WORDS[key][0 if self.plan.language == 'zh-CN' else 1]}".strip()

    def named(self, text: Text) -> str:
        """A name in the branch's language, or in any."""
        return text.get(self.plan.language) or next(iter(text.values()), "")

    def device(self, own: str, name: str, model: str, components: Iterator[tuple[str, Payload]]) -> tuple[str, Payload]:
        """The topic and payload of a device; `own` is its place below the branch, empty for the branch itself."""
        branch = _node(self.plan.branch)
        node = f"{branch}_{own}" if own else branch
        about = {"identifiers": [node], "name": name, "manufacturer": "smartbranch", "model": model, "sw_version": self._version}
        return f"{PREFIX}/{node}/config", {
            "device": about | ({"via_device": branch} if own else {}),
            "origin": {"name": "smartbranch", "sw_version": self._version},
            "availability": [{"topic": f"{self.root}/status", "value_template": "{{ value_json.state }}"}],
            "components": {key: {**component, "unique_id": f"{node}_{key}"} for key, component in components},
        }

    def sensor(self, topic: str, key: str, name: str, **more: object) -> Payload:
        """A value of a topic's payload; null there is `unknown`."""
        return {
            "platform": "sensor",
            "name": name,
            "state_topic": f"{self.root}/{topic}",
            "value_template": f"{{{{ value_json.{key} | default(none) }}}}",
            **more,
        }

    def button(self, verb: str, name: str, **arguments: object) -> Payload:
        """A press that is a request."""
        pressed = msgspec.json.encode(arguments).decode()
        return {"platform": "button", "name": name, "command_topic": f"{self.root}/request/{verb}", "payload_press": pressed}


def _branch(make: _Maker, *, uplink: bool) -> tuple[str, Payload]:
    return make.device("", make.named(make.plan.name), "branch", _of_branch(make, uplink=uplink))


def _of_branch(make: _Maker, *, uplink: bool) -> Iterator[tuple[str, Payload]]:
    for id_, service in make.plan.services.items():
        yield from _service(make, id_, make.named(service.name))
    for counter in make.plan.counters:
        name = f"{counter} {make.word('counter')}" if make.plan.language == "zh-CN" else f"{make.word('counter').capitalize()} {counter}"
        states = {"device_class": "enum", "options": _COUNTER_STATES, "json_attributes_topic": f"{make.root}/counter/{counter}"}
        yield f"counter_{counter}", make.sensor(f"counter/{counter}", "state", name, **states)
        if make.plan.authority == "smartbranch":
            yield f"counter_{counter}_next", make.button("call_next", make.word("call_next", name), counter=counter)
    for door, of in make.plan.doors.items():
        for key in ("in_today", "out_today"):
            yield f"door_{door}_{key}", make.sensor(f"door/{door}", key, make.word(key, make.named(of.name)), **_GROWS)
    for door in list(make.plan.doors)[:1]:
        yield "inside", make.sensor(f"door/{door}", "inside", make.word("inside"), **_MEASURED)
    yield "problems", _binary(make, "status", "value_json.problems", make.word("problems"), "problem")
    if uplink:
        yield "uplink", _binary(make, "uplink", "value_json.state == 'connected'", make.word("uplink"), "connectivity")
        yield "backlog", make.sensor("uplink", "backlog", make.word("backlog"), entity_category="diagnostic", **_MEASURED)


def _service(make: _Maker, service: str, name: str) -> Iterator[tuple[str, Payload]]:
    topic = f"queue/{service}"
    yield f"{service}_waiting", make.sensor(topic, "waiting", make.word("waiting", name), **_MEASURED)
    yield f"{service}_longest", make.sensor(topic, "longest_wait_s", make.word("longest_wait_s", name), **_SECONDS)
    for point in ("p50", "p90"):
        expected = make.sensor(topic, f"wait_now_s.{point}", make.word(point, name), **_SECONDS)
        known = f"{{{{ value_json.wait_now_s.{point} if value_json.wait_now_s else none }}}}"
        yield f"{service}_{point}", {**expected, "value_template": known}
    for key in ("served_today", "abandoned_today"):
        yield f"{service}_{key}", make.sensor(topic, key, make.word(key, name), **_GROWS)
    yield f"{service}_issue", make.button("issue_ticket", make.word("issue", name), service=service)


def _binary(make: _Maker, topic: str, condition: str, name: str, class_: str) -> Payload:
    return {
        "platform": "binary_sensor",
        "name": name,
        "device_class": class_,
        "entity_category": "diagnostic",
        "state_topic": f"{make.root}/{topic}",
        "value_template": f"{{{{ 'ON' if {condition} else 'OFF' }}}}",
        "json_attributes_topic": f"{make.root}/{topic}",
    }


def _zone(make: _Maker, zone: str) -> tuple[str, Payload]:
    return make.device(f"zone_{zone}", make.named(make.plan.zones[zone].name), "zone", _of_zone(make, zone))


def _of_zone(make: _Maker, zone: str) -> Iterator[tuple[str, Payload]]:
    here = [device for device in make.plan.devices.values() if device.zone == zone]
    told = {quantity for device in here for quantity in device.quantities}
    yield "people", make.sensor(f"occupancy/{zone}", "people", make.word("people"), **_MEASURED)
    for key, more in _AIR if here else ():
        yield key, make.sensor(f"climate/{zone}", key, make.word(key), **more, **_MEASURED)
    if {"mode", "setpoint_c"} <= told:
        yield "climate", _climate(make, zone)
    for quantity in sorted(quantity for quantity in told if quantity.endswith("_pct")):
        yield quantity, _number(make, zone, quantity)
    if told:
        yield "release", make.button("release_climate", make.word("release"), zone=zone)


def _asking(zone: str, quantity: str, value: str) -> str:
    """A template for what is asked of a zone; `value` is one of Home Assistant's expressions."""
    return f'{{"zone": "{zone}", "quantity": "{quantity}", "value": {value}}}'


def _climate(make: _Maker, zone: str) -> Payload:
    state, request = f"{make.root}/climate/{zone}", f"{make.root}/request/set_climate"
    return {
        "platform": "climate",
        "name": make.word("climate"),
        "modes": _MODES,
        "mode_state_topic": state,
        "mode_state_template": _OURS_TO_THEIRS,
        "mode_command_topic": request,
        "mode_command_template": _asking(zone, "mode", "\"{{ 'fan' if value == 'fan_only' else value }}\""),
        "temperature_state_topic": state,
        "temperature_state_template": "{{ value_json.setpoint_c }}",
        "temperature_command_topic": request,
        "temperature_command_template": _asking(zone, "setpoint_c", "{{ value }}"),
        "current_temperature_topic": state,
        "current_temperature_template": "{{ value_json.temperature_c }}",
        "temperature_unit": "C",
        "temp_step": 0.5,
        "min_temp": 16,
        "max_temp": 30,
    }


def _number(make: _Maker, zone: str, quantity: str) -> Payload:
    return {
        **make.sensor(f"climate/{zone}", quantity, make.word(quantity)),
        "platform": "number",
        "command_topic": f"{make.root}/request/set_climate",
        "command_template": _asking(zone, quantity, "{{ value }}"),
        "min": 0,
        "max": 100,
        "unit_of_measurement": "%",
    }


def _device(make: _Maker, device: str) -> tuple[str, Payload]:
    of = make.plan.devices[device]
    return make.device(f"device_{device}", make.named(of.name), of.kind, _of_device(make, device))


def _of_device(make: _Maker, device: str) -> Iterator[tuple[str, Payload]]:
    topic = f"device/{device}"
    states = {"device_class": "enum", "options": _DEVICE_STATES, "entity_category": "diagnostic"}
    yield "state", make.sensor(topic, "state", make.word("state"), **states, json_attributes_topic=f"{make.root}/{topic}")
    reason = make.sensor(topic, "reason", make.word("reason"), entity_category="diagnostic")
    told = f"{{{{ (value_json.reason or {{}}).get('{make.plan.language}', '')[:250] }}}}"  # a state holds 255 characters
    yield "reason", {**reason, "value_template": told}
    seen = {"device_class": "timestamp", "entity_category": "diagnostic"}
    yield "last_seen", make.sensor(topic, "last_seen", make.word("last_seen"), **seen)
