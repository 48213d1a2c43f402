"""`just observe TAKES`: what the dashboard shows after that many recordings, beside the database."""

import argparse
import sys
import tempfile
from pathlib import Path

from observed_orak import an_observed_orak, compare, fill_dashboard, make_takes


def main(takes: int) -> int:
    """Print each figure; fail if one differs from the database or if a panel is empty."""
    with tempfile.TemporaryDirectory(prefix="orak-observed-") as name:
        folder = Path(name)
        with an_observed_orak(folder) as observed:
            make_takes(observed, folder, takes)
            figures = compare(observed)
            shown = fill_dashboard(observed)
    for query, (value, count) in figures.items():
        print(f"{value:8g} {count:8d}  {query}")
    for panel, samples in shown.items():
        print(f"{len(samples):4d} series  {panel}")
    print(f"{takes} takes: {len(figures)} figures agree with the database, {len(shown)} queries have data")
    return 0


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="just observe", description=__doc__)
    parser.add_argument("takes", type=int, nargs="?", default=200)
    sys.exit(main(parser.parse_args().takes))
