"""Commands called wrongly, or on files that are none: one clear line on standard error, no trace, exit 1 or 2."""

from __future__ import annotations

from pathlib import Path

import pytest

from edge.cli import main

BRANCH = (
    "branch: {id: x}\ndevices: {air: {driver: mqtt_sensor, link: {mqtt: a}, quantities: [co2_ppm]}}\nmqtt: {url: 'mqtt://127.0.0.1:1'}\n"
)


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with a sound branch, and files that are none of what a command wants."""
    monkeypatch.chdir(tmp_path)
    for name, content in {
        "branch.yaml": BRANCH,
        "broken.yaml": "branch: {id: [",
        "empty": "",
        "broken.jsonl": '{"t":1,"link":"air"}\n',
        "calls.csv": "ticket,service\n",
    }.items():
        Path(name).write_text(content, encoding="utf-8")
    Path("bytes").write_bytes(b"\xff\xfe\x00" * 10)


def told(capsys: pytest.CaptureFixture[str], words: str) -> tuple[int, str]:
    """The exit status and what stands on standard error."""
    try:
        status = main(words.split())
    except SystemExit as end:  # argparse
        status = int(end.code or 0)
    return status, capsys.readouterr().err.strip()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        *(
            (f"{command} absent.yaml", "absent.yaml:1: cannot be read: No such file")
            for command in ("check", "run", "report", "cosimulate")
        ),
        *((f"{command} broken.yaml", "broken.yaml:1: is no YAML:") for command in ("check", "run", "report", "cosimulate", "headoffice")),
        *((f"{command} bytes", "bytes:1: is not UTF-8 text") for command in ("check", "run", "cosimulate", "headoffice")),
        ("run .", ":1: cannot be read: Is a directory; give the file in it"),
        ("headoffice absent", "absent:1: cannot be read"),
        ("headoffice branch.yaml", "branch.yaml:1: branch: no such key"),
        ("replay branch.yaml absent.jsonl", "absent.jsonl: No such file"),
        ("replay branch.yaml .", ".: Is a directory"),
        ("replay branch.yaml broken.jsonl", "broken.jsonl:1: Object missing required field `bytes`"),
        ("replay branch.yaml bytes", "bytes:1: JSON is malformed"),
        ("replay branch.yaml empty", "the recording holds no lines"),
        ("report branch.yaml", "smartbranch-data/branch.db: "),
        ("report branch.yaml --month 2026-13", "'2026-13' is no month"),
        ("backtest absent.csv", "absent.csv: No such file"),
        ("backtest calls.csv", "calls.csv: line 1: the header lacks"),
        ("backtest bytes", "bytes: not UTF-8"),
        ("simulate --scenario none", "no scenario is called 'none'; there are weekday"),
        ("capture branch.yaml --device none --out out", "no device is called 'none'"),
        ("capture branch.yaml --device air --out ./no/out --seconds 1", "no/out: No such file"),
        ("models add bytes", "smartbranch models: bytes: no ONNX network"),
        ("models remove none", "smartbranch models: no detector is called 'none'"),
        ("init branch.yaml", "branch.yaml: "),
    ],
)
def test_what_cannot_be_done_is_said_on_one_line(capsys: pytest.CaptureFixture[str], words: str, said: str) -> None:
    status, error = told(capsys, words)
    assert status == 1
    assert said in error
    assert len(error.splitlines()) == 1 or words == "headoffice branch.yaml", error


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("", "required: COMMAND"),
        ("nothing", "invalid choice: 'nothing'"),
        ("check", "required: file"),
        ("check branch.yaml --conect", "unrecognized arguments: --conect"),
        ("simulate --days 0", "'0' is no whole number from 1 to 3660"),
        ("simulate --days x", "'x' is no whole number"),
        ("demo --speed 0", "'0' is no number above 0"),
        ("demo --speed nan", "'nan' is no number above 0"),
        ("demo --minutes -1", "'-1' is no number above 0"),
        ("demo --port 99999", "'99999' is no whole number from 1 to 65535"),
        ("capture branch.yaml --device air --out x --seconds inf", "'inf' is no number above 0"),
        ("run branch.yaml --simulated-clock soon", "invalid _clock value: 'soon'"),
        ("backtest calls.csv --train-until soon", "'soon' is no day"),
        ("backtest calls.csv --timezone Mars", "no time zone is called 'Mars'"),
        ("bench nothing", "invalid choice: 'nothing'"),
    ],
)
def test_a_command_called_wrongly_is_told_how(capsys: pytest.CaptureFixture[str], words: str, said: str) -> None:
    status, error = told(capsys, words)
    assert status == 2
    assert said in error.splitlines()[-1]


def test_init_writes_a_sound_file_and_never_over_one(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main(["init", "new"]) == 0
    assert main(["check", "new/branch.yaml"]) == 0
    before = Path("new/branch.yaml").read_text(encoding="utf-8")
    assert told(capsys, "init new") == (1, "new/branch.yaml is there already; it is left as it is")
    assert Path("new/branch.yaml").read_text(encoding="utf-8") == before
