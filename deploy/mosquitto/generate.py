"""Makes what Mosquitto needs for a branch's box or for head office: its configuration, access list, passwords and certificates."""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from certificates import Authority, Signed
from passwords import line, new_password

from edge.access import AccessError, User, acl_file
from edge.config.load import Config, ConfigError, load
from edge.headoffice.access import EVERY_BRANCH, HEADOFFICE, headoffice
from edge.ops.access import DAEMON, users

_HERE: Final = Path(__file__).parent
_FOR_ITS_OWNER: Final = 0o600
_FOR_EVERYBODY: Final = 0o644
_BRANCH: Final = re.compile(r"[a-z0-9-]{1,64}")


class GenerateError(Exception):
    """Nothing was made, or no more; says why and what to do."""


def main(words: Sequence[str] | None = None) -> int:
    """0, or 1 where something is in the way."""
    arguments = _parser().parse_args(words)
    try:
        arguments.do(arguments)
    except (GenerateError, ConfigError, AccessError) as error:
        print(error, file=sys.stderr)
        return 1
    except OSError as error:
        print(f"{error.filename}: {error.strerror}", file=sys.stderr)
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    actions = parser.add_subparsers(required=True, metavar="ACTION")
    box = actions.add_parser("box", help="for the broker of a branch, from its branch.yaml")
    box.add_argument("file", type=Path, metavar="branch.yaml")
    box.set_defaults(do=_box)
    central = actions.add_parser("headoffice", help="for head office's broker, and its first branches")
    central.add_argument("branches", nargs="*", metavar="BRANCH", help="ids of branches")
    central.add_argument("--certificates", action="store_true", help="branches show a certificate instead of a password")
    central.set_defaults(do=_headoffice)
    for made in (box, central):
        made.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="where to put it all; must be empty or absent")
        made.add_argument("--at", type=Path, default=Path("/etc/mosquitto/smartbranch"), help="where the folder will lie (%(default)s)")
        made.add_argument("--data", type=Path, default=Path("/var/lib/mosquitto"), help="where the broker keeps sessions (%(default)s)")
        made.add_argument("--host", action="append", required=True, help="a name or address that clients call the broker by; repeat it")
        made.add_argument("--port", type=int, default=8883, help="of TLS (%(default)s)")
    box.add_argument("--local-port", type=int, default=1883, help="without TLS, on 127.0.0.1 alone, for the daemon (%(default)s)")
    added = actions.add_parser("add", help="more branches at head office's broker")
    added.add_argument("branches", nargs="+", metavar="BRANCH")
    added.set_defaults(do=_add)
    renewed = actions.add_parser("renew", help="another certificate for the broker, by the same authority")
    renewed.add_argument("--host", action="append", required=True)
    renewed.set_defaults(do=_renew)
    for later in (added, renewed):
        later.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="what was made before")
    for signing in (box, central, added, renewed):
        signing.add_argument("--years", type=int, default=5, help="how long certificates are good for (%(default)s)")
    return parser


def _box(arguments: argparse.Namespace) -> None:
    config = load(arguments.file)
    own = {device: settings.topics() for device, settings in config.settings.items()}
    mqtt = config.document.mqtt
    everybody = users(config.document.branch.id, own, daemon=mqtt.user or DAEMON, homeassistant=mqtt.homeassistant)
    out = _fresh(arguments.out)
    _broker(out, arguments, "box.conf", acl_file(everybody), local_port=str(arguments.local_port))
    _let_in(out, [user.name for user in everybody])
    _say_what_to_do(out, arguments, config, everybody)


def _headoffice(arguments: argparse.Namespace) -> None:
    _check(arguments.branches)
    out = _fresh(arguments.out)
    login = "certificate" if arguments.certificates else "password"
    _broker(out, arguments, f"headoffice.{login}.conf", acl_file([headoffice()], EVERY_BRANCH))
    _admit(out, [HEADOFFICE, *arguments.branches], arguments.years)
    print(f"{out}: made for {len(arguments.branches)} branches; what to put where stands in deploy/README.md")


def _add(arguments: argparse.Namespace) -> None:
    _check(arguments.branches)
    _admit(arguments.out, arguments.branches, arguments.years)
    print(f"{arguments.out}: {len(arguments.branches)} branches more; tell Mosquitto: systemctl reload mosquitto")


def _renew(arguments: argparse.Namespace) -> None:
    signed = _authority(arguments.out).server(arguments.host, arguments.years)
    for name, content in (("server.crt", signed.certificate), ("server.key", signed.key)):
        _write(arguments.out / f"{name}.new", content)
    for name in ("server.crt", "server.key"):
        (arguments.out / f"{name}.new").replace(arguments.out / name)
    print(f"{arguments.out}: another certificate; restart Mosquitto")


def _check(branches: list[str]) -> None:
    for branch in branches:
        if not _BRANCH.fullmatch(branch) or branch == HEADOFFICE:
            raise GenerateError(f"{branch!r} is no id of a branch: small letters, digits and hyphens, at most 64, and not {HEADOFFICE}")


def _fresh(folder: Path) -> Path:
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise GenerateError(f"{folder} is not empty; nothing is written over what may be in use. Give another folder, or empty it")
    return folder


def _broker(out: Path, arguments: argparse.Namespace, template: str, access: str, **more: str) -> None:
    """What the broker itself reads; the authority's key goes into a folder of its own, to be taken elsewhere."""
    authority = Authority.new("smartbranch certificates")
    signed = authority.server(arguments.host, arguments.years)
    places = {"at": str(arguments.at), "data": str(arguments.data), "port": str(arguments.port), **more}
    shared = (_HERE / "both.conf").read_text(encoding="utf-8")
    own = (_HERE / template).read_text(encoding="utf-8")
    _write(out / "mosquitto.conf", (shared + own).format(**places).encode())
    _write(out / "acl", access.encode())
    _write(out / "passwords", b"")
    _write(out / "ca.crt", authority.pem.certificate, _FOR_EVERYBODY)
    _write(out / "authority" / "ca.key", authority.pem.key)
    _keep(out / "server", signed)


def _admit(out: Path, names: list[str], years: int) -> None:
    """Let branches in by password, or by certificate where the broker was made for those."""
    if "require_certificate true" not in (out / "mosquitto.conf").read_text(encoding="utf-8"):
        _let_in(out, names)
        return
    authority = _authority(out)
    for name in names:
        _keep(out / "clients" / name, authority.client(name, years))


def _let_in(out: Path, names: list[str]) -> None:
    known = (out / "passwords").read_text(encoding="utf-8")
    there = {entry.partition(":")[0] for entry in known.splitlines()}
    if again := sorted(there.intersection(names)):
        raise GenerateError(f"{', '.join(again)}: let in already; take the line out of {out / 'passwords'} to give another password")
    given = {name: new_password() for name in names}
    for name, password in given.items():
        _write(out / "clients" / f"{name}.password", f"{password}\n".encode())
    lines = known + "".join(f"{line(name, password)}\n" for name, password in given.items())
    _write(out / "passwords.new", lines.encode())
    (out / "passwords.new").replace(out / "passwords")


def _authority(out: Path) -> Authority:
    try:
        return Authority.of((out / "ca.crt").read_bytes(), (out / "authority" / "ca.key").read_bytes())
    except ValueError as error:
        raise GenerateError(f"{out}: {error}") from error


def _keep(path: Path, signed: Signed) -> None:
    _write(path.with_suffix(".crt"), signed.certificate)
    _write(path.with_suffix(".key"), signed.key)


def _write(path: Path, content: bytes, mode: int = _FOR_ITS_OWNER) -> None:
    """A new file; one that is there is left as it is.

    Raises:
        GenerateError: it is there.
    """
    path.parent.mkdir(mode=0o700, exist_ok=True)
    try:
        number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError as error:
        raise GenerateError(f"{path} is there already; it is left as it is") from error
    with os.fdopen(number, "wb") as file:
        file.write(content)


def _say_what_to_do(out: Path, arguments: argparse.Namespace, config: Config, everybody: list[User]) -> None:
    user = config.document.mqtt.user or DAEMON
    print(f"{out}: made for {config.document.branch.id}, {len(everybody)} users. Take {out / 'authority'} off this machine.")
    print(f"The daemon's password is a credential: install -m 600 {out / 'clients' / user}.password /etc/credstore/mqtt_password")
    print("In branch.yaml:")
    print(f"mqtt:\n  url: mqtt://127.0.0.1:{arguments.local_port}\n  user: {user}\n  password: ${{MQTT_PASSWORD}}")


if __name__ == "__main__":
    sys.exit(main())
