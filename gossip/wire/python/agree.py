"""Reads cases on standard input, one JSON object a line, and says where this decoder disagrees with what they say.

A case has `as` (what to read the bytes as), `bytes`, `public` (the key that signatures are held to), and `says`: the
values, or {"refused": class}. Whole chains and whole networks: see chains.py and admission.py. Prints each disagreement, then the counts.
"""

import json
import sys

from admission import admission
from chains import chain
from reader import Refused
from shown import SHOW

WHOLE = {"chain": chain, "admission": admission}


def says(case):
    """What this decoder makes of the bytes."""
    if case["as"] in WHOLE:
        return WHOLE[case["as"]](case)
    try:
        return SHOW[case["as"]](bytes.fromhex(case["bytes"]), bytes.fromhex(case["public"]))
    except Refused as error:
        # Messages of sync have no classes: whoever sends one that does not decode has ended the session.
        kind = "malformed" if case["as"] == "sync" else error.kind
        return {"refused": kind, "because": str(error)}


def differ(here, there):
    """Whether two answers differ, whatever their reasons."""
    return {**here, "because": 0} != {**there, "because": 0}


def main():
    """All cases."""
    # Nothing is printed before all is read: whoever writes the cases may not be reading yet.
    cases, wrong = 0, []
    for line in sys.stdin:
        case = json.loads(line)
        found, cases = says(case), cases + 1
        if differ(found, case["says"]):
            wrong.append(f"{case.get('note', case['as'])} {case.get('bytes')}\n  here {json.dumps(found)}\n  there {json.dumps(case['says'])}")
    print(*wrong, f"{cases} cases, {len(wrong)} disagreements", sep="\n")
    return wrong


if __name__ == "__main__":
    sys.exit(1 if main() else 0)
