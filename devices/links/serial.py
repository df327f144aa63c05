"""Serial link: bytes of a tty, locked for this process alone, or of a serial server as `socket://host:port`; both reopen by themselves."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import termios
from functools import partial
from typing import Annotated, Final, Literal, TypeAlias

import serial
import serial_asyncio_fast
from pydantic import AfterValidator, BaseModel, Field

from devices.driver import LinkSettings, text
from devices.links.byte_wire import ByteLink, ByteOwner, ByteWire, Dial, Excuse, Factory
from devices.links.tcp import host_and_port, tcp_name, tcp_wire
from devices.links.thread import in_thread
from devices.links.wire import Owner, Site
from devices.reading import Text

_SOCKET: Final = "socket://"


def _checked(line: str) -> str:
    if line.startswith(_SOCKET):
        host_and_port(line.removeprefix(_SOCKET))
    elif not line.startswith("/"):
        raise ValueError(f"{line!r} is neither a device such as /dev/ttyUSB0 nor socket://host:port")
    return line


Line = Annotated[str, AfterValidator(_checked)]


class LineSettings(BaseModel):
    """What a tty must be told; a serial server has its own settings, and these are of no use there."""

    baud: int = Field(default=9600, ge=50, le=4_000_000)
    data_bits: Literal[7, 8] = 8
    parity: Literal["none", "even", "odd"] = "none"
    stop_bits: Literal[1, 2] = 1

    @property
    def character_s(self) -> float:
        """Seconds that one character takes on the line, with its start, parity and stop bits."""
        return (1 + self.data_bits + (self.parity != "none") + self.stop_bits) / self.baud

    def open(self, path: str) -> serial.Serial:
        """The tty, locked for this process; may hang.

        Raises:
            OSError, ValueError, termios.error: it cannot be opened, locked or set up.
        """
        parity, exclusive = self.parity[0].upper(), True
        return serial.Serial(path, self.baud, self.data_bits, parity, self.stop_bits, timeout=0, write_timeout=0, exclusive=exclusive)


class _Transport(serial_asyncio_fast.SerialTransport):
    """Ends quietly, and throws away what the tty has not sent: a device that takes no bytes would hold the close up for 30 s."""

    def abort(self) -> None:
        if self.serial:
            with contextlib.suppress(OSError, termios.error):  # of an adapter that is pulled out
                self.serial.reset_output_buffer()
        super().abort()

    def _fatal_error(self, exc: BaseException, _message: str = "") -> None:
        self._abort(exc)  # its owner tells why, once


def open_tty(path: str, settings: LineSettings) -> Dial:
    """Opens a byte wire over a tty; an open that hangs hangs in a thread of its own."""

    async def open_(factory: Factory) -> asyncio.Transport:
        port = await in_thread(partial(settings.open, path), unwanted=serial.Serial.close)
        return _Transport(asyncio.get_running_loop(), factory(), port)

    return open_


def excuse_tty(path: str) -> Excuse:
    """What an error of a tty means, and what to do."""

    def say(error: BaseException | None) -> Text:
        if isinstance(error, ValueError):
            return text(
                f"line {path} cannot be set up: {error}; check baud rate and parity", f"串口 {path} 参数无效：{error}；请检查波特率和校验位"
            )
        match getattr(error, "errno", None):
            case errno.ENOENT | errno.ENXIO | errno.ENODEV:
                en, zh = "no such device; is the adapter plugged in?", "找不到设备；转换器是否已插好？"
            case errno.EACCES | errno.EPERM:
                en, zh = "permission denied; is the service in the group dialout?", "没有权限；服务是否属于 dialout 组？"
            case errno.EBUSY | errno.EAGAIN:
                en, zh = "another program has it open; stop that one", "被其他程序占用；请停止该程序"
            case errno.ENOTTY:
                en, zh = "it is no serial line; check the path", "不是串口；请检查路径"
            case _:
                en, zh = f"lost ({error}); is the adapter plugged in?", f"已断开（{error}）；转换器是否已插好？"
        return text(f"line {path}: {en}", f"串口 {path}：{zh}")

    return say


def serial_wire(line: str, settings: LineSettings, site: Site) -> ByteWire:
    """The wire behind a `serial:` setting, whichever of the two kinds it is."""
    if line.startswith(_SOCKET):
        return tcp_wire(line.removeprefix(_SOCKET), site)
    return ByteWire(wire_name(line), site, open_tty(line, settings), excuse_tty(line))


def wire_name(line: str) -> str:
    """A serial server is the same wire, however it is written."""
    return tcp_name(line.removeprefix(_SOCKET)) if line.startswith(_SOCKET) else f"serial {line}"


class SerialSettings(LineSettings, LinkSettings["SerialLink"]):
    """`{serial: /dev/ttyUSB0, baud: 9600}` or `{serial: "socket://host:port"}`."""

    serial: Line

    def wire(self) -> str:
        return wire_name(self.serial)

    def owner(self, site: Site) -> Owner[SerialLink]:
        return ByteOwner(serial_wire(self.serial, self, site), SerialLink)


class SerialLink(ByteLink):
    """Bytes of a serial line."""

    Settings: TypeAlias = SerialSettings
