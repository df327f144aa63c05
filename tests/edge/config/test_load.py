"""Reading a branch's file: every mistake at once, each on one line that names where it is and what was probably meant."""

from __future__ import annotations

import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ruamel.yaml import YAML

from edge.config.load import ConfigError, load
from edge.config.problems import has
from tests.edge.config.branch_text import TEXT, spoilt, told


def line(of: str, text: str = TEXT) -> int:
    return text[: text.index(of)].count("\n") + 1


def test_a_sound_file_says_nothing(tmp_path: Path) -> None:
    assert told(tmp_path, TEXT) == []


def test_five_mistakes_give_five_lines(tmp_path: Path) -> None:
    text = spoilt(
        ("timezone:", "timezome:"),
        ("driver: ticket_machine", "driver: ticket_machin"),
        ("profile: xy-md02", "profile: xy-md20"),
        ("services: [cash]", "services: [cahs]"),
        ("10:00-15:00", "10:00-9:00"),
    )
    assert told(tmp_path, text) == [
        "branch.yaml:1: branch.timezome: no such key; did you mean 'timezone'?",
        "branch.yaml:4: hours.sat,sun: '10:00-9:00' is no span within a day; the end comes after the beginning, 24:00 at the latest",
        "branch.yaml:17: counters.1.services.0: no service is called 'cahs'; did you mean 'cash'?",
        "branch.yaml:29: devices.tickets.driver: no driver is called 'ticket_machin'; did you mean 'ticket_machine'?",
        "branch.yaml:31: devices.air.profile: no profile is called 'xy-md20'; did you mean 'xy-md02'?",
    ]


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        # a key that nobody knows, at every level
        ("store: {folder", "stoer: {folder", "stoer: no such key; did you mean 'store'?"),
        ("longest_wait_guard_min", "longest_wait_gard_min", "queue.longest_wait_gard_min: no such key; did you mean 'longest"),
        ("area_m2: 90", "aera_m2: 90", "zones.hall.aera_m2: no such key; did you mean 'area_m2'?"),
        ("prefix: L", "perfix: L", "services.loans.perfix: no such key; did you mean 'prefix'?"),
        ("quantities:", "quantites:", "devices.weather.quantites: no such key; did you mean 'quantities'?"),
        ("{mqtt: weather}", "{mqt: weather}", "devices.weather.link.mqt: no such key; did you mean 'mqtt'?"),
        ("{mqtt: desk/tickets}", "{mqttt: desk/tickets}", "devices.tickets.link.mqttt: no such key; did you mean 'mqtt'?"),
        ("baud: 9600", "buad: 9600", "links.bus.buad: no such key; did you mean 'baud'?"),
        ("door: front}", "dor: front}", "cameras.eye.lines.sill.dor: no such key; did you mean 'door'?"),
        ("co2_high_ppm", "co2_hihg_ppm", "comfort.co2_hihg_ppm: no such limit; did you mean 'co2_high_ppm'?"),
        # a name that names nothing
        ("link: bus", "link: buss", "devices.keys.link: no link is called 'buss'; did you mean 'bus'?"),
        ("address: 3, zone: hall", "address: 3, zone: hal", "devices.air.zone: no zone is called 'hal'; did you mean 'hall'?"),
        ("parent: tickets", "parent: ticket", "devices.light.parent: no device or camera is called 'ticket'; did you mean 'tickets'?"),
        ("source: beam", "source: beem", "doors.front.source: no device or camera is called 'beem'; did you mean 'beam'?"),
        ("first: care", "first: car", "counters.1.first: no class is called 'car'; did you mean 'care'?"),
        ('{1: "1", 2: "2"}', '{1: "1", 2: "3"}', "devices.keys.counters.3: no counter is called '3'"),
        ("door: front}", "door: fornt}", "cameras.eye.lines.sill.door: no door is called 'fornt'; did you mean 'front'?"),
        # what stands there is none of its kind
        ("id: riverside", "id: Riverside East", "branch.id: 'Riverside East' does not fit; it takes small letters, digits"),
        ("language: en", "language: eng", "branch.language: 'eng' is not one of 'zh-CN' or 'en'; did you mean 'en'?"),
        ("Asia/Shanghai", "Asia/Shangai", "branch.timezone: no time zone is called 'Asia/Shangai'; for example Asia/Shanghai"),
        ("sat,sun:", "satday:", "hours.satday: names no days; write for example mon-fri, sat or mon,wed"),
        ("[2027-01-01]", "[soon]", "hours.closed_on.0: should be a date such as 2027-01-01 (here: 'soon')"),
        ("[2027-01-01]", "days.ics", "hours.closed_on: "),
        ("prefix: L", "prefix: C", "services.loans.prefix: 'C' is already that of 'cash'; two services would share tickets"),
        ("prefix: L", "prefix: lo", "services.loans.prefix: 'lo' does not fit; it takes one capital letter"),
        ("mqtt://127", "http://127", "mqtt.url: 'http://127.0.0.1:1883' is no broker; write mqtt://host:1883"),
        ("area_m2: 30", "area_m2: -30", "zones.desk.area_m2: should be greater than 0 (here: '-30')"),
        ("area_m2: 30", "area_m2: wide", "zones.desk.area_m2: should be a number (here: 'wide')"),
        ("[loans, cash]", "loans", "counters.2.services: should be a list (here: 'loans')"),
        ('"2": {', "2: {", "counters.2: a name is a text; write it in quotes, '2'"),
        ("folder: data", "folder: 2026", "store.folder: should be a text (here: '2026'); write it in quotes"),
        ("link: plant, ", "", "devices.air.link: is missing"),
        ("driver: beam_counter, ", "", "devices.beam.driver: is missing; it names a driver"),
        ("[0.9, 0.5]", "[9, 0.5]", "cameras.eye.lines.sill.points.1: the point [9.0, 0.5] is outside the picture"),
        ("127.0.0.1:8080", "8080", "web.listen: '8080' is no address; write host:port, for example 127.0.0.1:8080"),
        ("socket://192.0.2.5:4001", "ttyUSB7", "devices.beam.link.serial: 'ttyUSB7' is neither a device such as /dev"),
        ('"socket://192.0.2.5:4001"', "/dev/ttyUSB0, baud: 19200", "devices.beam.link: serial /dev/ttyUSB0 is keys's too, and a wire has"),
        ("  eye: {url", "  beam: {url", "cameras.beam: a device has this id already"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line_that_names_its_place(tmp_path: Path, before: str, after: str, expected: str) -> None:
    (said,) = told(tmp_path, spoilt((before, after)))
    assert said.startswith(f"branch.yaml:{line(before)}: {expected}")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "branch.yaml:1: holds no sections; `smartbranch init` writes an example"),
        ("- a\n- b\n", "branch.yaml:1: holds no sections; `smartbranch init` writes an example"),
        (b"branch: {id: x}\nname: \xb9\xa4\n", "branch.yaml:2: is not UTF-8 text (byte 22); save it as UTF-8"),
        ("mqtt: {password: geheim}\nmqtt: {password: geheim}\n", "branch.yaml:2: the key 'mqtt' stands here for the second time; keep one"),
        ("branch:\n\tid: x\n", "branch.yaml:2: is no YAML: found character '\\t' that cannot start any token"),
        ("branch: {id: x\ndevices: 1\n", "branch.yaml:2: is no YAML: expected ',' or '}', but got ':'"),
        ("branch: *b\n", "branch.yaml:1: is no YAML: found undefined alias 'b'"),
        ("branch: {id: x}\n---\nbranch: {id: y}\n", "branch.yaml:2: is no YAML: but found another document"),
        ("hours: {closed_on: [2027-02-31]}\n", "branch.yaml:1: is no YAML: day is out of range for month"),
        ("a: " + "[" * 20_000, "branch.yaml:1: is no YAML that could be read: it is nested too deeply"),
        ("branch: {id: x}\n", "branch.yaml:1: neither devices nor cameras: nothing would be heard; add one of the two"),
        ("branch: {id: x}\ndevices:\n", "branch.yaml:1: neither devices nor cameras: nothing would be heard; add one of the two"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_one_line(tmp_path: Path, text: str | bytes, expected: str) -> None:
    (said,) = told(tmp_path, text)
    assert said.startswith(expected)
    assert "geheim" not in said


@pytest.mark.parametrize("name", ["", "absent.yaml"])
def test_a_folder_or_nothing_at_all_says_what_to_do(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match=r":1: cannot be read: .*; (give the file in it|`smartbranch init` writes a new one)"):
        load(tmp_path / name)


def test_a_mark_of_windows_editors_and_anchors_are_read(tmp_path: Path) -> None:
    text = "\ufeff" + TEXT.replace(
        "desk: {area_m2: 30}", "desk: &small {area_m2: 30}\n  vault: *small\n  safe: {<<: *small, height_m: 2.5}"
    )
    assert told(tmp_path, text.replace("\n", "\r\n")) == []


def test_a_mistake_behind_an_anchor_is_named_where_it_can_be(tmp_path: Path) -> None:
    text = TEXT.replace("desk: {area_m2: 30}", "desk: &small {aera_m2: 30}\n  safe: {<<: *small}")
    assert [said.split(": no")[0] for said in told(tmp_path, text)] == [
        "branch.yaml:9: zones.desk.aera_m2",
        "branch.yaml:10: zones.safe.aera_m2",
    ]


def test_anchors_within_anchors_take_no_time_and_no_end(tmp_path: Path) -> None:
    bomb = "\n".join(f"  - &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12))
    assert told(tmp_path, f"{TEXT}bomb:\n  - &a0 [x]\n{bomb}\n") == [f"branch.yaml:{TEXT.count(chr(10)) + 1}: bomb: no such key"]
    assert told(tmp_path, f"{TEXT}loop: &l [*l]\n") == [f"branch.yaml:{TEXT.count(chr(10)) + 1}: loop: no such key"]


def test_a_variable_that_is_not_set_is_a_warning_and_told_beside_what_it_breaks(tmp_path: Path) -> None:
    assert told(tmp_path, TEXT.replace("HQ_PASSWORD", "HQ_PASWORD")) == [
        f"branch.yaml:{line('headoffice')}: warning: password: the variable HQ_PASWORD is not set;"
        " give it as a credential or in the environment of the service"
    ]
    first, second = told(tmp_path, TEXT.replace("desk/tickets", "'${TOPIC}'"))
    assert first.endswith("devices.tickets.link.mqtt: should be a text, but nothing stands there")
    assert "warning: mqtt: the variable TOPIC is not set" in second


def test_no_message_shows_a_password(tmp_path: Path) -> None:
    text = spoilt(
        ('password: "${HQ_PASSWORD}"', "password: 815"), ("mqtt://127", "mqqt://box:geheim@127"), ("rtsp://", "rtps://me:geheim@")
    )
    said = told(tmp_path, text)
    assert len(said) == 3
    assert not any("815" in one or "geheim" in one for one in said)


STRANGE = ("\t", "&a", "*a", "<<: ", "!!int ", "~", "? ", "\x00", "2026-13-01", "${X}")
PIECES = [*sorted(set(re.findall(r"[A-Za-z_-]+|[{}\[\]:,\"]|\d+|\n *", TEXT))), *STRANGE]


@given(st.lists(st.tuples(st.integers(0, len(TEXT)), st.integers(0, 12), st.sampled_from(PIECES)), min_size=1, max_size=4))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_is_edited_every_line_told_is_one_of_the_file(tmp_path: Path, edits: list[tuple[int, int, str]]) -> None:
    text = TEXT
    for at, length, piece in edits:
        text = text[:at] + piece + text[at + length :]
    named_lines(tmp_path, text)


def named_lines(folder: Path, text: str) -> None:
    """Every line told of the text names one of its lines; nothing but a `ConfigError` is raised."""
    for said in told(folder, text):
        found = re.match(r"branch\.yaml:(\d+): \S", said)
        assert found, said
        assert 1 <= int(found[1]) <= len(text.splitlines()) + 1


def places(tree: Any, place: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The way to everything in a tree."""
    inner = tree.items() if isinstance(tree, dict) else enumerate(tree) if isinstance(tree, list) else ()
    return [place, *(found for key, value in inner for found in places(value, (*place, key)))]


TREE: Any = YAML(typ="safe").load(TEXT)
ANYTHING = st.sampled_from([None, 5, -1.5, True, [], {}, "", "x", "hall", [[1]], {"a": 1}, {"mqtt": "x"}, ["cash", 7], "${X}", 10**400])


@given(st.lists(st.tuples(st.sampled_from(places(TREE)[1:]), ANYTHING), min_size=1, max_size=3))
@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_stands_somewhere_is_told_by_its_line(tmp_path: Path, changes: list[tuple[tuple[Any, ...], Any]]) -> None:
    tree = copy.deepcopy(TREE)
    for place, value in changes:
        inner = tree
        for key in place[:-1]:
            inner = inner[key] if has(inner, key) else {}
        if has(inner, place[-1]):
            inner[place[-1]] = value
    named_lines(tmp_path, json.dumps(tree, indent=1, default=str, ensure_ascii=False))
