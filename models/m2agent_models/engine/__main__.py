"""`python -m m2agent_models.engine MODEL PLAN SOCKET LOCK LOG IDLE`: started by the client."""

import logging
import sys
from pathlib import Path

from m2agent_models.engine.address import Address
from m2agent_models.engine.placement import Plan
from m2agent_models.engine.process import run


def main() -> int:
    model, plan, socket, lock, log, idle = sys.argv[1:]
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    address = Address(Path(socket), Path(lock), Path(log))
    return run(Path(model), Plan.from_json(plan), address, float(idle))


if __name__ == "__main__":
    sys.exit(main())
