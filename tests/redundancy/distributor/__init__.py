"""The Distributor: codec, core, and the real process beside Mosquitto."""
