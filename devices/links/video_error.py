"""Why there are no more pictures from a source, in both languages, and its address without its secrets."""

from __future__ import annotations

import re
from typing import Final

from devices.driver import DriverError, text
from devices.reading import Text

_SECRET: Final = re.compile(r"(?i)((?:user|usr|login|pass|pwd|token|auth|key|secret)[a-z]*=)[^&/?#]*")
_REASONS: Final[dict[str, tuple[str, str]]] = {
    "absent": ("there is no such file or folder; correct the path", "没有这个文件或文件夹；请更正路径"),
    "empty": ("the file is empty (0 bytes); copy it again", "文件为空（0 字节）；请重新拷贝"),
    "open": (
        "no video can be opened there; check the address and that it is H.264, H.265 or MJPEG",
        "无法打开视频；请检查地址，并确认是 H.264、H.265 或 MJPEG",
    ),
    "password": ("the camera refuses the user or the password; correct them in `url`", "摄像机拒绝该用户名或密码；请在 url 中更正"),
    "path": ("the camera has no such stream; correct the path in `url`", "摄像机没有这个码流；请更正 url 中的路径"),
    "busy": (
        "the camera refuses the stream; close other viewers, or take its sub-stream",
        "摄像机拒绝提供码流；请关闭其他观看端，或使用子码流",
    ),
    "refused": (
        "nobody listens at that address; check the port and that the camera's RTSP is on",
        "该地址没有服务；请检查端口，并确认摄像机已开启 RTSP",
    ),
    "host": (
        "no such host; correct the name, and in a password write @ as %40, / as %2F, # as %23",
        "主机名不存在；请更正，密码中的 @ 写作 %40，/ 写作 %2F，# 写作 %23",
    ),
    "silent": ("the camera does not answer; check its power, the cable and the address", "摄像机没有应答；请检查电源、网线和地址"),
    "unplugged": (
        "there is no such device; plug the camera in, `ls /dev/video*` lists them",
        "没有这个设备；请插上摄像机，可用 ls /dev/video* 查看",
    ),
    "forbidden": (
        "the device may not be opened; add the user of smartbranch to the group `video`",
        "无权打开该设备；请将 smartbranch 的用户加入 video 组",
    ),
    "device": (
        "the device gives no video; check that no other program uses it and that it is a camera",
        "设备没有视频；请确认没有其他程序占用，且它是摄像机",
    ),
    "size": ("pictures of an impossible size; check the camera's stream settings", "画面尺寸不可能；请检查摄像机码流设置"),
    "depth": ("pictures of an unknown depth; set the camera to 8 bits", "画面位深未知；请将摄像机设为 8 位"),
    "picture": ("a picture in the folder is broken; take it away", "文件夹中有损坏的图片；请移走"),
    "decode": (
        "the video cannot be decoded; set the camera to H.264 or copy the file again",
        "视频无法解码；请将摄像机设为 H.264 或重新拷贝文件",
    ),
    "nothing": (
        "there is no whole picture in it; it is cut off or no video, copy it again",
        "其中没有完整画面；文件被截断或不是视频，请重新拷贝",
    ),
    "cut": ("the recording breaks off; copy it again", "录像中断不完整；请重新拷贝"),
    "hung": ("the decoder gave no picture; check the camera and the network", "解码器没有画面；请检查摄像机和网络"),
    "crashed": ("the decoder crashed; if it comes again, set the camera to H.264", "解码器崩溃；若再次发生，请将摄像机设为 H.264"),
    "ended": ("the stream ended; check the camera", "视频流已结束；请检查摄像机"),
}


class VideoError(DriverError):
    """No more pictures from a source; `reason` is what people read, in both languages."""

    def __init__(self, url: str, why: str, detail: str = "") -> None:
        en, zh = _REASONS[why]
        inside = f" ({detail})" if detail else ""
        super().__init__(f"{shown_url(url)}: {en}{inside}")
        self.why = why
        self.reason: Text = text(f"{en}{inside}", f"{zh}{inside}")


def shown_url(url: str) -> str:
    """The address as logs and errors may show it: without user and password, wherever cameras have them in it."""
    scheme, mark, rest = url.partition("://")
    if not mark:
        return url
    return scheme + mark + _SECRET.sub(r"\1…", rest.rpartition("@")[2])  # any sign may stand in a password: the last @ ends it
