"""What drivers share: pure codecs of the wire, and the small parts that hear, doubt and tell a device's state."""
