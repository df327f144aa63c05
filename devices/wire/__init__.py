"""Pure codecs of the wire: bytes and documents in, records out, and the way back; no I/O and no clock."""
