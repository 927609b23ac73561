"""Judges a report of the Autobahn suite: `judge.py INDEX.JSON AGENT`.

The suite holds 517 cases, 216 of them of compression. Every one must be there, none besides, and each must be OK in what the client did
and in how the connection closed. INFORMATIONAL is right for three cases only, where the RFC leaves the choice.
"""

import collections
import json
import sys

# How many cases each subgroup holds, numbered from 1.
CASES = {
    "1.1": 8, "1.2": 8, "2": 11, "3": 7, "4.1": 5, "4.2": 5, "5": 20,
    "6.1": 3, "6.2": 4, "6.3": 2, "6.4": 4, "6.5": 5, "6.6": 11, "6.7": 4, "6.8": 2, "6.9": 4, "6.10": 3,
    "6.11": 5, "6.12": 8, "6.13": 5, "6.14": 10, "6.15": 1, "6.16": 3, "6.17": 5, "6.18": 5, "6.19": 5,
    "6.20": 7, "6.21": 8, "6.22": 34, "6.23": 7,
    "7.1": 6, "7.3": 6, "7.5": 1, "7.7": 13, "7.9": 9, "7.13": 2,
    "9.1": 6, "9.2": 6, "9.3": 9, "9.4": 9, "9.5": 6, "9.6": 6, "9.7": 6, "9.8": 6, "10.1": 1,
    "12.1": 18, "12.2": 18, "12.3": 18, "12.4": 18, "12.5": 18,
    "13.1": 18, "13.2": 18, "13.3": 18, "13.4": 18, "13.5": 18, "13.6": 18, "13.7": 18,
}  # fmt: skip
EXPECTED = {f"{group}.{number}" for group, count in CASES.items() for number in range(1, count + 1)}

# 7.1.6: whether a message of 256 KiB is still sent back when a Close stands behind it. 7.13: close codes above
# the ranges that the RFC gives a meaning.
FREE = {"7.1.6", "7.13.1", "7.13.2"}


def faults(cases):
    """Every reason to refuse this result, as lines; none when it is good."""
    found = [f"{case}: missing" for case in EXPECTED - cases.keys()]
    found += [f"{case}: not a case of the suite" for case in cases.keys() - EXPECTED]
    for case, result in cases.items():
        right = {"OK", "INFORMATIONAL"} if case in FREE else {"OK"}
        for what in ("behavior", "behaviorClose"):
            if result.get(what) not in right:
                found.append(f"{case}: {what} is {result.get(what)}")
    return sorted(found, key=lambda line: [int(part) if part.isdigit() else 0 for part in line.split(":")[0].split(".")])


def main(index, agent):
    with open(index, encoding="utf-8") as file:
        cases = json.load(file).get(agent, {})
    for what in ("behavior", "behaviorClose"):
        counts = collections.Counter(result.get(what) for result in cases.values())
        print(f"{what}:", ", ".join(f"{count} {name}" for name, count in counts.most_common()) or "nothing")
    found = faults(cases)
    for line in found:
        print(line)
    bad = {line.split(":")[0] for line in found}
    print(f"{len(EXPECTED - bad)} passed, {len(bad)} failed")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
