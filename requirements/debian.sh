#!/bin/sh
# Installs the Debian packages that the tests use and that are missing; where it may not, those tests say so and are skipped.
set -u
. requirements/as_root.sh

missing=""
has() { command -v "$1" >/dev/null 2>&1 || [ -x "/usr/sbin/$1" ]; }
has mosquitto || missing="$missing mosquitto"
has chromium || missing="$missing chromium"
[ -n "$(ls /usr/share/fonts/opentype/noto/NotoSansCJK* /usr/share/fonts/truetype/wqy/* 2>/dev/null)" ] || missing="$missing fonts-wqy-microhei"
[ -n "$(ls /usr/lib/postgresql/*/bin/initdb 2>/dev/null)" ] || has initdb || missing="$missing postgresql"
[ -n "$(ls /usr/lib/*/faketime/libfaketime.so.1 2>/dev/null)" ] || missing="$missing libfaketime"
for package in gir1.2-gst-rtsp-server-1.0 python3-gi gstreamer1.0-plugins-base gstreamer1.0-plugins-good gstreamer1.0-plugins-bad gstreamer1.0-plugins-ugly; do
    dpkg -s "$package" >/dev/null 2>&1 || missing="$missing $package" # an RTSP camera with H.264 and H.265
done

[ -n "$missing" ] || exit 0
command -v apt-get >/dev/null 2>&1 || { echo "not a Debian machine: tests that need$missing are skipped" >&2; exit 0; }
# shellcheck disable=SC2086
as_root apt-get update -qq && as_root apt-get install -y -qq --no-install-recommends $missing >/dev/null \
    || echo "could not install$missing: the tests that need them are skipped, and say so" >&2
