"""Rates what the microphone's processing left, by models that need no reference.

AECMOS of the scenes with echo: how little the echo annoys, and how little else is spoilt. DNSMOS of
the near end beside a fan, before and after: speech, background, all together. Each 1 to 5. Writes
{score: {what: mean}} to stdout.
"""

import json
import os
import pathlib
import sys

os.environ["OMP_NUM_THREADS"] = "1"

import numpy as np  # noqa: E402
import soundfile  # noqa: E402
from speechmos import aecmos, dnsmos  # noqa: E402

RATE = 16000
# The longest that the echo's model looks at.
LONGEST = 20 * RATE


def read(folder, scene, what):
    sound, _ = soundfile.read(folder / f"{scene}-{what}.wav", dtype="float32")
    return np.clip(sound, -1, 1)[:LONGEST]


def echo(folder, scene, talk):
    names = {"lpb": "far", "mic": "heard", "enh": "left"}
    sample = {key: read(folder, scene, what) for key, what in names.items()}
    rated = aecmos.run(sample, RATE, talk)
    return {"echo": rated["echo_mos"], "other": rated["deg_mos"]}


def noise(folder, what):
    rated = dnsmos.run(read(folder, "fan", what), RATE)
    names = {"speech": "sig_mos", "background": "bak_mos", "all": "ovrl_mos"}
    return {name: float(rated[key]) for name, key in names.items()}


def main():
    folder = pathlib.Path(sys.argv[1])
    scores = {
        "aecmos_far_end": echo(folder, "echo", "st"),
        "aecmos_both": echo(folder, "both", "dt"),
        "dnsmos_before": noise(folder, "heard"),
        "dnsmos_after": noise(folder, "left"),
    }
    print(json.dumps(scores))


if __name__ == "__main__":
    main()
