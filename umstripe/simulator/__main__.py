"""python -m umstripe.simulator."""

from umstripe.simulator.cli import simulator

if __name__ == "__main__":
    simulator(prog_name="python -m umstripe.simulator")
