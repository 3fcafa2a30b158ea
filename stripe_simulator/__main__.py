"""python -m stripe_simulator."""

from stripe_simulator.cli import simulator

if __name__ == "__main__":
    simulator(prog_name="python -m stripe_simulator")
