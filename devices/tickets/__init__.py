"""The parts of the ticket machine's driver that speak with something: a serial machine, one over MQTT, a printer."""
