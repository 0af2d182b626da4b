"""Runs the core's commands without the console: ``python -m pandora_core.cli``."""

from pandora_core.cli.main import run

if __name__ == "__main__":
    run()
