"""Node embedding: vectors for the papers of a citation graph, judged by a linear probe beside an untrained baseline."""

from __future__ import annotations

import argparse

import graphurl


def main() -> None:
    """Runs the story; `toy-citation` is generated, `cora` and `citeseer` are read from the data root."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--fast", action="store_true", help="one epoch only")
    parser.add_argument("--data", default="toy-citation")
    arguments = parser.parse_args()

    print(f"{'':24}  test accuracy")
    for name, settings in {
        "smoothing, untrained": {"epochs": 0},
        "linear encoder, bce": {},
        "mlp encoder, bce": {"encoder": "mlp", "dim": 64, "hidden": 128, "epochs": 10, "batch_size": 512},
    }.items():
        if arguments.fast:
            settings = {**settings, "dim": 16, "epochs": min(1, settings.get("epochs", 1)), "batch_size": 256}
        result = graphurl.embed(arguments.data, seed=0, **settings)
        probe = result.report(metrics=["linear_probe"]).to_dict()["metrics"]["linear_probe"]
        print(f"{name:24}  {probe['value']:.3f}")


if __name__ == "__main__":
    main()
