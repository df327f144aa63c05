"""What the daemon and its decoding process tell each other: the source, and one JSON line a message."""

from __future__ import annotations

import msgspec


class Source(msgspec.Struct, frozen=True):
    """What to decode: a URL, a file, a folder of pictures or `/dev/video*`.

    `live`: only what there is time for is told, the newest wins, and a file is played at its own speed;
    otherwise every `every`th picture is told and none is dropped. `longest_px` bounds the longer side of a picture.
    """

    url: str
    live: bool = True
    rate_fps: float | None = None
    every: int = 1
    longest_px: int | None = None


class Opened(msgspec.Struct, frozen=True, tag="opened"):
    """The source is open; `pictures` is how many its header promises, 0 where it says nothing."""

    fps: float
    pictures: int


class Told(msgspec.Struct, frozen=True, tag="picture"):
    """A picture lies in a slot: `rows` x `columns` x 3 bytes from `offset` on."""

    slot: int
    offset: int
    rows: int
    columns: int
    number: int
    t: float


class Failed(msgspec.Struct, frozen=True, tag="failed"):
    """Nothing more comes; `why` is a key of the reasons in `links/video.py`."""

    why: str
    detail: str = ""


class Ended(msgspec.Struct, frozen=True, tag="ended"):
    """The recording is over after so many pictures."""

    pictures: int


Message = Opened | Told | Failed | Ended
