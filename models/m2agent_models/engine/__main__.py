"""`python -m m2agent_models.engine MODEL WISHES SOCKET LOCK LOG KEPT`: started by the client."""

import logging
import os
import sys
from pathlib import Path

import msgspec

from m2agent_models.engine.address import Address
from m2agent_models.engine.placement import Wishes
from m2agent_models.engine.process import run


def main() -> int:
    model, wishes, *address = sys.argv[1:]
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    os.chdir("/")  # no folder is kept busy by an engine that outlives who started it
    wish = msgspec.json.decode(wishes.encode(), type=Wishes)
    return run(Path(model), wish, Address(*map(Path, address)))


if __name__ == "__main__":
    sys.exit(main())
