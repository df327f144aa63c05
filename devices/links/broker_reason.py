"""Why a broker is away, in words that say what to do."""

from __future__ import annotations

import ssl

import aiomqtt
from aiomqtt.exceptions import MqttConnectError
from paho.mqtt.reasoncodes import ReasonCode

from devices.driver import text
from devices.links.tcp import excuse
from devices.reading import Text


class HungUpError(aiomqtt.MqttError):
    """The broker closed the connection before it said a word."""


class CertificateFileError(OSError):
    """A file of certificates cannot be used; the text names it."""


def reason(where: str, username: str | None, error: BaseException | None) -> Text:
    """Why the broker at the URL `where` is away, and what to do; `username` is who we are to it."""
    match error.__cause__ if isinstance(error, aiomqtt.MqttError) and isinstance(error.__cause__, OSError) else error:
        case MqttConnectError(rc=code):
            return _refused(where, username, code)
        case CertificateFileError() | ssl.SSLError() as distrust:
            return _distrusted(where, distrust)
        case HungUpError():
            return text(
                f"{where} hangs up without a word; does it want TLS (mqtts://), or a certificate of ours?",
                f"{where} 未应答即断开；是否需要 TLS（mqtts://）或客户端证书？",
            )
        case aiomqtt.MqttError():
            return text(f"{where} was lost; is the broker running?", f"{where} 连接已断开；MQTT 代理是否在运行？")
        case ConnectionRefusedError():
            return text(
                f"{where} refuses the connection; is the broker running, and the port right?",
                f"{where} 拒绝连接；MQTT 代理是否在运行、端口是否正确？",
            )
        case other:
            return excuse(where)(other)


def _distrusted(where: str, error: OSError) -> Text:
    match error:
        case ssl.SSLCertVerificationError(verify_message=said):
            return text(
                f"{where}: its certificate is not trusted ({said}); give its CA file", f"{where}：证书不受信任（{said}）；请配置 CA 文件"
            )
        case ssl.SSLError(reason=said):
            return text(f"{where}: no TLS there ({said}); is the port right?", f"{where}：TLS 握手失败（{said}）；端口是否正确？")
    return text(f"{where} is not called: {error}; give a certificate file in PEM", f"未连接 {where}：{error}；请提供 PEM 证书文件")


def _refused(where: str, username: str | None, code: int | ReasonCode | None) -> Text:
    value = code.value if isinstance(code, ReasonCode) else code
    if value in {4, 5, 134, 135}:  # MQTT 3.1.1, table 3.1; paho tells them as those of MQTT 5
        en, zh = (f"user {username}", f"用户 {username}") if username else ("a login without a user", "匿名登录")
        return text(f"{where} refuses {en}; check user name and password", f"{where} 拒绝{zh}；请检查用户名和密码")
    return text(f"{where} refuses the connection ({code}); check the broker", f"{where} 拒绝连接（{code}）；请检查 MQTT 代理")
