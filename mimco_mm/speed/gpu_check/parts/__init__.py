"""The parts: each has ``run(setting)``, which yields rows."""
