"""A unit's sandbox without systemd: `python sandbox.py UNIT COMMAND …` runs a command under its filter of system calls and memory."""

from __future__ import annotations

import ctypes
import errno
import os
import socket
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

_NO_NEW_PRIVILEGES, _MDWE, _REFUSE_EXEC_GAIN = 38, 65, 1  # prctl(2)
_ALLOW, _ERRNO = 0x7FFF0000, 0x00050000  # seccomp(2)
_EQUAL = 4  # SCMP_CMP_EQ


class _Compare(ctypes.Structure):
    _fields_ = (("argument", ctypes.c_uint), ("how", ctypes.c_int), ("a", ctypes.c_uint64), ("b", ctypes.c_uint64))


def values(unit: Path, key: str) -> list[str]:
    """All values of a key in the unit, in order."""
    lines = unit.read_text(encoding="utf-8").splitlines()
    return [line.partition("=")[2] for line in lines if line.startswith(f"{key}=")]


def allowed(unit: Path) -> set[str]:
    """The system calls that its `SystemCallFilter=` lines leave, sets taken apart as systemd knows them."""
    found: set[str] = set()
    for value in values(unit, "SystemCallFilter"):
        names = {call for name in value.removeprefix("~").split() for call in members(name)}
        found = found - names if value.startswith("~") else found | names
    return found


def members(name: str) -> set[str]:
    """The calls of a set such as `@system-service`."""
    if not name.startswith("@"):
        return {name}
    listed = subprocess.run(["systemd-analyze", "--no-pager", "syscall-filter", name], capture_output=True, text=True, check=True).stdout
    inner = (line.strip() for line in listed.splitlines()[1:])
    return {call for each in inner if each and not each.startswith("#") for call in members(each)}


def confine(unit: Path) -> None:
    """Put this process, and all that it starts, under what the unit says; everything else is refused with EPERM."""
    libc, seccomp = ctypes.CDLL(None, use_errno=True), ctypes.CDLL("libseccomp.so.2")
    seccomp.seccomp_init.restype = ctypes.c_void_p
    context = ctypes.c_void_p(seccomp.seccomp_init(_ERRNO | errno.EPERM))
    for name in sorted(allowed(unit) - {"socket"}):
        _permit(seccomp, context, name)
    families = (int(getattr(socket, name)) for value in values(unit, "RestrictAddressFamilies") for name in value.split())
    for family in families:
        _permit(seccomp, context, "socket", [_Compare(0, _EQUAL, family, 0)])
    if "yes" in values(unit, "MemoryDenyWriteExecute") and libc.prctl(_MDWE, _REFUSE_EXEC_GAIN, 0, 0, 0):
        sys.exit("this kernel (before 6.3) cannot refuse memory that is written and run")
    if libc.prctl(_NO_NEW_PRIVILEGES, 1, 0, 0, 0) or seccomp.seccomp_load(context):
        sys.exit("no filter of system calls can be set here")


def _permit(seccomp: ctypes.CDLL, context: ctypes.c_void_p, name: str, arguments: Iterable[_Compare] = ()) -> None:
    number = seccomp.seccomp_syscall_resolve_name(name.encode())
    if number >= 0:  # others are of another processor
        compares = list(arguments)
        array = (_Compare * len(compares))(*compares)
        seccomp.seccomp_rule_add_array(context, ctypes.c_uint32(_ALLOW), number, len(compares), array)


if __name__ == "__main__":
    confine(Path(sys.argv[1]))
    os.execv(sys.argv[2], sys.argv[2:])
