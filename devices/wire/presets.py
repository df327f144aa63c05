"""Well-known MQTT devices as descriptions: Zigbee2MQTT, Tasmota, Shelly Gen2, Home Assistant climate (format I)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from devices.reading import Value
from devices.wire.description import Availability, Preset, Source, Target, Word, told
from devices.wire.payload import holding
from devices.wire.quantities import near

_HVAC: Final[Mapping[Word, Value]] = {"fan_only": "fan", "heat_cool": "auto"}
_OUR_HVAC: Final[Mapping[Value, str]] = {"fan": "fan_only"}


def _hvac(mode: Value) -> Any:
    return _OUR_HVAC.get(mode, mode)


_ON: Final[Mapping[Word, Value]] = {"ON": True, "OFF": False, "on": True, "off": False}


def _switch(value: Value) -> str:
    return "ON" if value else "OFF"


def _key(pointer: str, quantity: str = "", scale: float = 1.0) -> Callable[[Value], Any]:
    return lambda value: holding(told(quantity, value, scale), pointer)


def _zigbee(pointer: str, **more: Any) -> Source:
    return Source(pointers=(pointer,), **more)


ZIGBEE2MQTT: Final = Preset(
    "zigbee2mqtt",
    {
        "temperature_c": _zigbee("/temperature"),
        "relative_humidity_pct": _zigbee("/humidity"),
        "co2_ppm": _zigbee("/co2"),
        "pm25_ug_m3": _zigbee("/pm25"),
        "illuminance_lx": Source(pointers=("/illuminance_lux", "/illuminance")),
        "presence": Source(pointers=("/presence", "/occupancy")),
        "door_open": _zigbee("/contact", words={True: False, False: True}),  # contact: the two halves touch
        "power_w": _zigbee("/power"),
        "voltage_v": _zigbee("/voltage"),
        "current_a": _zigbee("/current"),
        "energy_kwh": _zigbee("/energy"),
        "battery_pct": _zigbee("/battery"),
        "battery_v": _zigbee("/voltage", scale=0.001),  # a device with a battery gives millivolts
        "light_pct": _zigbee("/brightness", scale=1 / 2.54, off=(("/state", "OFF"),)),  # keeps its brightness while it is off
        "fan_pct": _zigbee("/percentage"),
        "fresh_air_pct": _zigbee("/percentage"),
        "blind_pct": _zigbee("/position"),
        "relay": _zigbee("/state", words=_ON),
        "mode": _zigbee("/system_mode", words=_HVAC),
        "setpoint_c": Source(pointers=("/occupied_heating_setpoint", "/current_heating_setpoint")),
    },
    {
        "light_pct": Target("{}/set", _key("/brightness", "light_pct", 2.54)),
        "fan_pct": Target("{}/set", _key("/percentage", "fan_pct")),
        "fresh_air_pct": Target("{}/set", _key("/percentage", "fresh_air_pct")),
        "blind_pct": Target("{}/set", _key("/position", "blind_pct")),
        "relay": Target("{}/set", lambda value: {"state": _switch(value)}),
        "mode": Target("{}/set", lambda value: {"system_mode": _hvac(value)}),
        "setpoint_c": Target("{}/set", _key("/occupied_heating_setpoint")),
    },
    Availability("{}/availability", pointer="/state"),
    stale_after_s=3_900.0,  # one with a battery speaks once an hour
)

_TEMPERATURE: Final = ("AM2301", "BME280", "BMP280", "SHT3X", "SI7021", "DHT11", "DS18B20", "SCD40", "SCD30", "SHT4X")
_CO2: Final = ("SCD40", "SCD30", "MHZ19B", "SENSEAIR")
_TASMOTA_STATE: Final = ("stat/{}/RESULT", "tele/{}/STATE")


def _tasmota(*pointers: str, **more: Any) -> Source:
    return Source(topics=("tele/{}/SENSOR",), pointers=pointers, **more)


TASMOTA: Final = Preset(
    "tasmota",
    {
        "temperature_c": _tasmota(*(f"/{chip}/Temperature" for chip in _TEMPERATURE)),
        "relative_humidity_pct": _tasmota(*(f"/{chip}/Humidity" for chip in _TEMPERATURE)),
        "co2_ppm": _tasmota(*(f"/{chip}/CarbonDioxide" for chip in _CO2), "/S8/CarbonDioxide"),
        "pm25_ug_m3": _tasmota("/PMS5003/PM2.5", "/SDS0X1/PM2.5"),
        "illuminance_lx": _tasmota("/BH1750/Illuminance", "/TSL2561/Illuminance"),
        "power_w": _tasmota("/ENERGY/Power"),
        "voltage_v": _tasmota("/ENERGY/Voltage"),
        "current_a": _tasmota("/ENERGY/Current"),
        "energy_kwh": _tasmota("/ENERGY/Total"),
        "light_pct": Source(topics=_TASMOTA_STATE, pointers=("/Dimmer",), off=(("/POWER", "OFF"),)),
        "fan_pct": Source(topics=_TASMOTA_STATE, pointers=("/Dimmer",), off=(("/POWER", "OFF"),)),
        "fresh_air_pct": Source(topics=_TASMOTA_STATE, pointers=("/Dimmer",), off=(("/POWER", "OFF"),)),
        "blind_pct": Source(topics=("stat/{}/RESULT", "tele/{}/SENSOR"), pointers=("/Shutter1/Position",)),
        "relay": Source(topics=_TASMOTA_STATE, pointers=("/POWER", "/POWER1"), words=_ON),
    },
    {
        "light_pct": Target("cmnd/{}/Dimmer", lambda value: told("light_pct", value)),
        "fan_pct": Target("cmnd/{}/Dimmer", lambda value: told("fan_pct", value)),
        "fresh_air_pct": Target("cmnd/{}/Dimmer", lambda value: told("fresh_air_pct", value)),
        "blind_pct": Target("cmnd/{}/ShutterPosition1", lambda value: told("blind_pct", value)),
        "relay": Target("cmnd/{}/POWER", _switch),
    },
    Availability("tele/{}/LWT", online=("Online",), offline=("Offline",)),
    stale_after_s=960.0,  # its TelePeriod is 300 s
)


_SHELLY_SAYS: Final = ("{}/events/rpc", "{}/smartbranch/rpc")


def _shelly(component: str, *keys: str, **more: Any) -> Source:
    """In a notification (what changed), and in the answer to a request for a component's status."""
    notified = (f"/params/{component}{key}" for key in keys)
    answered = (f"/result{key}" for key in keys)
    return Source(topics=_SHELLY_SAYS, pointers=(*notified, *answered), **more)


def _metered(key: str, **more: Any) -> Source:
    return Source(topics=_SHELLY_SAYS, pointers=(f"/params/switch:0{key}", f"/params/pm1:0{key}"), **more)


def _rpc(component: str, method: str, parameters: Callable[[Value], Mapping[str, Any]]) -> Target:
    """A request, and one for the status after it: a notification leaves out what did not change."""
    return Target(
        "{}/rpc",
        lambda value: {"id": 1, "method": f"{component}.{method}", "params": {"id": 0, **parameters(value)}},
        ask={"id": 2, "method": f"{component}.GetStatus", "params": {"id": 0}},
        sender="{}/smartbranch",
    )


def _dimmed(value: Value) -> Mapping[str, Any]:
    percent = told("light_pct", value)
    return {"on": True, "brightness": percent} if percent else {"on": False}


_DIMMED: Final = _shelly("light:0", "/brightness", off=(("/params/light:0/output", False), ("/result/output", False)))
_DIM: Final = _rpc("Light", "Set", _dimmed)

SHELLY_GEN2: Final = Preset(
    "shelly-gen2",
    {
        "temperature_c": _shelly("temperature:0", "/tC"),
        "relative_humidity_pct": _shelly("humidity:0", "/rh"),
        "illuminance_lx": _shelly("illuminance:0", "/lux"),
        "power_w": _metered("/apower"),
        "voltage_v": _metered("/voltage"),
        "current_a": _metered("/current"),
        "energy_kwh": _metered("/aenergy/total", scale=0.001),
        "battery_v": _shelly("devicepower:0", "/battery/V"),
        "battery_pct": _shelly("devicepower:0", "/battery/percent"),
        "light_pct": _DIMMED,
        "fan_pct": _DIMMED,
        "fresh_air_pct": _DIMMED,
        "blind_pct": _shelly("cover:0", "/current_pos"),
        "relay": _shelly("switch:0", "/output"),
    },
    {
        "light_pct": _DIM,
        "fan_pct": _DIM,
        "fresh_air_pct": _DIM,
        "blind_pct": _rpc("Cover", "GoToPosition", lambda value: {"pos": told("blind_pct", value)}),
        "relay": _rpc("Switch", "Set", lambda value: {"on": value}),
    },
    Availability("{}/online", online=(True,), offline=(False,)),
    stale_after_s=7_500.0,  # one with a battery sleeps for two hours
)


_FAN_STEPS: Final = (("off", 0), ("low", 33), ("medium", 66), ("high", 100))
_FAN_WORDS: Final[Mapping[Word, Value]] = {**dict(_FAN_STEPS), "auto": None}


def _fan_step(value: Value) -> str:
    """The step of a fan that is nearest to the per cent."""
    percent = value if isinstance(value, int | float) else 0
    return min(_FAN_STEPS, key=lambda step: abs(step[1] - percent))[0]


HOME_ASSISTANT: Final = Preset(
    "home-assistant",
    {
        "mode": Source(topics=("{}/mode/state",), words=_HVAC),
        "setpoint_c": Source(topics=("{}/temperature/state",)),
        "fan_pct": Source(topics=("{}/fan/state",), words=_FAN_WORDS),
        "temperature_c": Source(topics=("{}/current_temperature",)),
        "relative_humidity_pct": Source(topics=("{}/current_humidity",)),
    },
    {
        "mode": Target("{}/mode/set", _hvac),
        "setpoint_c": Target("{}/temperature/set", lambda value: told("setpoint_c", value)),
        "fan_pct": Target("{}/fan/set", _fan_step),
    },
    Availability("{}/availability", pointer="/state"),
)


PRESETS: Final[Mapping[str, Preset]] = {preset.name: preset for preset in (ZIGBEE2MQTT, TASMOTA, SHELLY_GEN2, HOME_ASSISTANT)}


def preset_of(prefix: str, named: str | None) -> Preset | None:
    """The preset that was named, or Zigbee2MQTT for what lies under its topic; None where neither is so.

    Raises:
        ValueError: no preset of that name; the text names near ones.
    """
    if named is None:
        return ZIGBEE2MQTT if prefix.startswith("zigbee2mqtt/") else None
    if named not in PRESETS:
        raise ValueError(f"no preset is called {named!r}; {near(named, PRESETS)}")
    return PRESETS[named]
