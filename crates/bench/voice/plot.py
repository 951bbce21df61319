"""Draws every time line in the folder it is given: level, delay and buffer over time."""

import csv
import multiprocessing
import pathlib
import sys

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt  # noqa: E402


def column(rows, name):
    """A column; what is not known is a gap."""
    return [float(row[name]) if row[name] else float("nan") for row in rows]


def draw(path):
    rows = list(csv.DictReader(path.open()))
    at = column(rows, "s")
    figure, (level, delay) = plt.subplots(2, 1, sharex=True, figsize=(12, 5), dpi=80)
    level.plot(at, column(rows, "spoken_db"), label="spoken", linewidth=0.7)
    level.plot(at, column(rows, "heard_db"), label="heard", linewidth=0.7)
    level.set_ylabel("dBFS")
    level.set_title(path.stem)
    delay.plot(at, column(rows, "m2e_ms"), label="mouth to ear")
    delay.plot(at, column(rows, "buffer_ms"), label="buffer")
    delay.plot(at, column(rows, "target_ms"), label="target", linestyle=":")
    delay.set_ylabel("ms")
    delay.set_xlabel("s")
    for one in (level, delay):
        one.legend(loc="upper right", fontsize=8)
    figure.tight_layout()
    figure.savefig(path.with_suffix(".png"))
    plt.close(figure)


if __name__ == "__main__":
    with multiprocessing.Pool() as pool:
        pool.map(draw, sorted(pathlib.Path(sys.argv[1]).glob("*.csv")))
