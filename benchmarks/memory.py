"""Peak memory of fitting N x 32 rows at several N, each in a process of its own, beside the estimate.

    python benchmarks/memory.py --rows 250000 500000 1000000
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys

CHILD = """
import sys, time, warnings
import torch
import graphurl
from graphurl.pipeline import peak_memory
warnings.simplefilter("ignore")
torch.set_num_threads(1)
rows, columns, epochs = map(int, sys.argv[1:4])
generator = torch.Generator().manual_seed(0)
centres = torch.randn(50, columns, generator=generator) * 4
x = torch.randn(rows, columns, generator=generator)
for start in range(0, rows, 100_000):
    block = x[start : start + 100_000]
    block += centres[torch.randint(50, (len(block),), generator=generator)]
began = time.perf_counter()
result = graphurl.embed(x, epochs=epochs, seed=0)
print(int(peak_memory()), round(time.perf_counter() - began, 1), {k: round(v, 1) for k, v in result.timing.items()})
"""


def main() -> None:
    """Measures and compares."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[250_000, 500_000, 1_000_000])
    parser.add_argument("--columns", type=int, default=32)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--fast", action="store_true", help="20,000 and 40,000 rows")
    arguments = parser.parse_args()
    from graphurl.memory import estimate_memory

    for rows in [20_000, 40_000] if arguments.fast else arguments.rows:
        command = [sys.executable, "-c", CHILD, str(rows), str(arguments.columns), str(arguments.epochs)]
        words = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split(maxsplit=2)
        peak, estimate = int(words[0]), estimate_memory(rows, arguments.columns)
        row = {
            "rows": rows, "peak_GB": round(peak / 1e9, 2), "estimate_GB": round(estimate / 1e9, 2),
            "estimate/peak": round(estimate / peak, 2), "seconds": float(words[1]), "timing": words[2].strip(),
        }  # fmt: skip
        print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
