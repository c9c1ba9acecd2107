"""Make a checkpoint of the training what ships: python models/training/pack.py CHECKPOINT.npz"""

import sys
from pathlib import Path

import numpy as np

from m2agent_models.starter import adapter

if __name__ == "__main__":
    with np.load(Path(sys.argv[1])) as checkpoint:
        adapter.write(adapter.FILE, {name: checkpoint[name] for name in checkpoint.files})
    print(f"{adapter.FILE}: {adapter.FILE.stat().st_size / 1e6:.1f} MB")
