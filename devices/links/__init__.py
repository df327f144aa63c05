"""Transports that reconnect by themselves: bytes and messages, no meaning; a shared line has one owner."""
