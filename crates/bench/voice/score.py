"""Rates recordings: PESQ and STOI against what was spoken, PLCMOS without it.

Reads score.json in the folder it is given and writes {recording: {score: mean}} to stdout. Each
segment of 8 s is aligned by its own delay: PESQ breaks when a buffer shifts time in mid-file.
"""

import json
import multiprocessing
import os
import pathlib
import sys

# One process per core is enough; before numpy looks.
os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np  # noqa: E402
import soundfile  # noqa: E402
from pesq import pesq  # noqa: E402
from pystoi import stoi  # noqa: E402

try:
    from speechmos import plcmos
except ImportError:
    plcmos = None

RATE = 16000
SEGMENT = 8 * RATE
LONGEST_DELAY = RATE // 2


def delay(spoken, heard):
    """By how many samples `heard` follows, by cross-correlation."""
    size = 1 << (len(spoken) + len(heard)).bit_length()
    cross = np.fft.rfft(heard, size) * np.conj(np.fft.rfft(spoken, size))
    return int(np.argmax(np.fft.irfft(cross, size)[:LONGEST_DELAY]))


def segments(spoken, heard):
    """Pairs of segments, aligned; a rest that is shorter is left out."""
    for start in range(0, len(spoken) - SEGMENT + 1, SEGMENT):
        said = spoken[start : start + SEGMENT]
        rest = heard[start : start + SEGMENT + LONGEST_DELAY]
        late = delay(said, rest)
        got = np.zeros(SEGMENT, said.dtype)
        part = rest[late : late + SEGMENT]
        got[: len(part)] = part
        yield said, got


def rate(job):
    """The mean scores of one recording: of all its segments, or of every second one."""
    folder, spoken, name, thorough = job
    said, _ = soundfile.read(folder / (spoken + ".wav"), dtype="float32")
    got, _ = soundfile.read(folder / (name + ".wav"), dtype="float32")
    scores = {"pesq": [], "stoi": [], "plcmos": []}
    for n, (one, other) in enumerate(segments(said, got)):
        if n % 2 == 1 and not thorough:
            continue
        try:
            scores["pesq"].append(pesq(RATE, one, other, "wb"))
        except Exception as error:  # Nothing to hear is no score.
            print(name, error, file=sys.stderr)
        scores["stoi"].append(stoi(one, other, RATE))
        if thorough and n % 2 == 0 and plcmos is not None:
            scores["plcmos"].append(plcmos.run(np.clip(other, -1, 1), RATE)["plcmos"])
    return name, {key: float(np.mean(all)) for key, all in scores.items() if all}


def main():
    folder = pathlib.Path(sys.argv[1])
    task = json.loads((folder / "score.json").read_text())
    jobs = [(folder, task["spoken"], name, task["thorough"]) for name in task["heard"]]
    with multiprocessing.Pool() as pool:
        print(json.dumps(dict(pool.imap_unordered(rate, jobs))))


if __name__ == "__main__":
    main()
