"""An RTSP server of GStreamer, run by Debian's own Python: `rtsp_server.py PORT [USER PASSWORD]`; prints its port once it serves.

`/main` is H.265, 960x540, blue; `/sub` is H.264, 320x180, red; both 25 pictures a second. With a user it asks for Digest.
"""

from __future__ import annotations

import sys

ABSENT = 3  # the exit status where a package is missing
ELEMENTS = ("videotestsrc", "x264enc", "x265enc", "rtph264pay", "rtph265pay")
ENCODED = "tune=zerolatency speed-preset=ultrafast key-int-max=12"
STREAMS = {
    "/main": ("width=960,height=540", "0xff2040c0", f"x265enc {ENCODED} ! rtph265pay name=pay0 pt=96 config-interval=1"),
    "/sub": ("width=320,height=180", "0xffc04020", f"x264enc {ENCODED} ! rtph264pay name=pay0 pt=96 config-interval=1"),
}

try:
    import gi

    gi.require_version("Gst", "1.0")
    gi.require_version("GstRtsp", "1.0")
    gi.require_version("GstRtspServer", "1.0")
    from gi.repository import GLib, Gst, GstRtsp, GstRtspServer
except (ImportError, ValueError) as missing:
    sys.stderr.write(f"{missing}\n")
    sys.exit(ABSENT)


def factory(size: str, colour: str, coded: str) -> GstRtspServer.RTSPMediaFactory:
    """A stream of one colour."""
    made = GstRtspServer.RTSPMediaFactory()
    source = f"videotestsrc is-live=true pattern=solid-color foreground-color={colour}"
    made.set_launch(f"( {source} ! video/x-raw,format=I420,{size},framerate=25/1 ! {coded} )")
    made.set_shared(True)
    return made


def only_for(server: GstRtspServer.RTSPServer, user: str, password: str) -> GstRtspServer.RTSPPermissions:
    """Ask for this user's password; what the user may do."""
    token, permissions, auth = GstRtspServer.RTSPToken(), GstRtspServer.RTSPPermissions(), GstRtspServer.RTSPAuth()
    token.set_string("media.factory.role", "viewer")
    for right in ("access", "construct"):
        permissions.add_permission_for_role("viewer", f"media.factory.{right}", True)
    auth.set_supported_methods(GstRtsp.RTSPAuthMethod.DIGEST)
    auth.add_digest(user, password, token)
    server.set_auth(auth)
    return permissions


def main(port: str, *user: str) -> None:
    """Serve until killed."""
    Gst.init(None)
    if missing := [name for name in ELEMENTS if Gst.ElementFactory.find(name) is None]:
        sys.stderr.write(f"no {' '.join(missing)}\n")
        sys.exit(ABSENT)
    server = GstRtspServer.RTSPServer()
    server.set_address("127.0.0.1")
    server.set_service(port)
    permissions = only_for(server, *user) if user else None
    for path, stream in STREAMS.items():
        made = factory(*stream)
        if permissions:
            made.set_permissions(permissions)
        server.get_mount_points().add_factory(path, made)
    if not server.attach(None):
        sys.exit(f"port {port} cannot be had")
    sys.stdout.write(f"{server.get_bound_port()}\n")
    sys.stdout.flush()
    GLib.MainLoop().run()


if __name__ == "__main__":
    main(*sys.argv[1:])
