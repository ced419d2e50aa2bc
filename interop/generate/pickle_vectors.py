"""Records interop/fixtures/pickle-vectors.json: what Python's pickle writes for data, and what it must not be trusted with.

    python interop/generate/pickle_vectors.py [OTHER_PYTHON...]           writes the file
    python interop/generate/pickle_vectors.py --check [OTHER_PYTHON...]   only says what differs; exit status 1 if anything does

The inputs are in this file. Needs markupsafe. Other Pythons, from 2.7 on, record the section `others`; without any, it is
kept as it is. Runs on Python 2.7, too: `--print` only prints the vectors.
"""

from __future__ import print_function

import collections
import datetime as dt
import decimal
import hashlib
import json
import os
import pickle
import platform
import subprocess
import sys
import uuid

try:
    from markupsafe import Markup
except ImportError:
    Markup = None

FILE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "fixtures", "pickle-vectors.json")
PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)
UUID = uuid.UUID("12345678-1234-5678-1234-567812345678")


def inputs():
    """Runs on every Python."""
    yield "empty", {}
    yield "basic", {"_permanent": True, "user_id": 42, "name": "Ada", "f": 1.5, "n": None, "no": False}
    yield "ints", dict(zip("abcdefghijkl", INTS))
    yield "floats", {"a": 0.1, "b": -0.0, "i": float("inf"), "n": float("nan")}
    yield "whole_floats", {"one": 1.0, "list": [1.0, 2], "huge": 1e22}
    yield "unicode", {"k": u"\u00e9\u20ac\U0001f600\\u0041\n\r\0\x1a\x7f", u"\u00e9": 1}
    yield "lists", {"l": [], "l1": [1], "l2": [1, 2], "d": {}, "d1": {"a": 1}}
    yield "tuples", {"t0": (), "t1": (1,), "t2": (1, 2), "t3": (1, 2, 3), "t4": (1, 2, 3, 4)}
    yield "sets", {"s": set([1]), "s0": set(), "fs": frozenset([1])}
    yield "flashes", {"_flashes": [("message", "Hello"), ("error", "Bad")]}
    yield "nonstr_keys", {"m": {1: "e", None: "b", (1, 2): "c"}}
    yield "nonstr_session_key", {7: "seven", "a": 1}
    yield "naive", {"n": dt.datetime(2024, 2, 29, 12, 34, 56, 789012), "d": dt.date(2024, 2, 29)}
    yield "time", {"t": dt.time(1, 2, 3, 4)}
    yield "timedelta", {"td": dt.timedelta(1, 2, 3), "back": dt.timedelta(-1, 2, 3)}
    yield "uuid", {"u": UUID, "v": uuid.UUID(int=5)}
    yield "decimal", {"d": decimal.Decimal("1.10"), "e": decimal.Decimal("1E+3"), "n": decimal.Decimal("NaN")}
    yield "bytearray", {"b": bytearray(b"a\xff"), "e": bytearray()}
    yield "ordered", {"o": collections.OrderedDict([("b", 1), ("a", 2)])}
    yield "default", {"d": collections.defaultdict(list, a=[1]), "n": collections.defaultdict(None)}
    shared = ["x"]
    yield "shared", {"a": shared, "b": shared, "c": (shared, shared)}
    yield "batch_999", {"l": list(range(999)), "d": dict((i, 0) for i in range(999))}
    yield "batch_1000", {"l": list(range(1000)), "d": dict((i, 0) for i in range(1000))}
    yield "batch_1001", {"l": list(range(1001)), "d": dict((i, 0) for i in range(1001))}
    yield "big_frame", {"a": "x" * 70000, "b": 1}
    yield "frames", {"l": ["y" * 100 + str(i) for i in range(1500)]}
    if Markup is not None:
        yield "markup", {"m": Markup("<b>x</b>"), "_flashes": [("error", Markup("<i>"))]}
    if sys.version_info >= (3,):
        for case in newer():
            yield case


def newer():
    yield "containers", {
        "l": [], "l1": [1], "l2": [1, 2], "t0": (), "t1": (1,), "t2": (1, 2), "t3": (1, 2, 3), "t4": (1, 2, 3, 4),
        "d": {}, "d1": {"a": 1}, "s": {1}, "s0": set(), "fs": frozenset([1]),
    }  # fmt: skip
    yield "bytes", {"b": b"a\xff\0", "e": b"", "one": b"x", "all": bytes(range(256))}
    utc = dt.timezone.utc
    east = dt.timezone(dt.timedelta(hours=5, minutes=30))
    yield "datetime", {
        "u": dt.datetime(2024, 2, 29, 12, 34, 56, 789012, tzinfo=utc),
        "n": dt.datetime(2024, 2, 29, 12, 34, 56),
        "o": dt.datetime(2024, 2, 29, 12, 34, 56, tzinfo=east),
        "d": dt.date(2024, 2, 29),
        "t": dt.time(1, 2, 3, 4),
        "td": dt.timedelta(1, 2, 3),
    }
    if Markup is not None:
        yield "uuid_decimal_markup", {"u": UUID, "d": decimal.Decimal("1.10"), "m": Markup("<b>x</b>")}
    yield "aware", {
        "u": dt.datetime(2024, 2, 29, 12, 34, 56, 789012, tzinfo=utc),
        "ms": dt.datetime(2024, 2, 29, 12, 34, 56, 789000, tzinfo=utc),
        "o": dt.datetime(2024, 2, 29, 12, 34, 56, tzinfo=east),
        "named": dt.datetime(1, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=-1), "X")),
        "t": dt.time(1, 2, tzinfo=utc),
        "zone": east,
    }
    yield "surrogate", {"k": "a\ud800b", "\udfff": 1}
    if sys.version_info >= (3, 6):
        yield "fold", {"d": dt.datetime(2024, 10, 27, 2, 30, fold=1), "t": dt.time(2, 30, fold=1)}
    if sys.version_info >= (3, 7):
        yield "uuid_safe", {"u": uuid.UUID(int=6, is_safe=uuid.SafeUUID.unsafe)}


INTS = [
    0, 255, 256, 65535, 65536, -1, 2**31 - 1, -(2**31), 2**31, 2**63, 2**70, -(2**70),
]  # fmt: skip


def recorded(data):
    if len(data) <= 4096:
        return data.hex() if sys.version_info >= (3,) else data.encode("hex")
    return {"length": len(data), "sha256": hashlib.sha256(data).hexdigest()}


def vectors():
    found = []
    for name, value in inputs():
        pickles = {}
        for protocol in PROTOCOLS:
            pickles[str(protocol)] = recorded(pickle.dumps(value, protocol))
        case = {"name": name, "pickles": pickles}
        if len(repr(value)) < 2000:
            case["repr"] = ascii(value) if sys.version_info >= (3,) else repr(value)
        found.append(case)
    return found


ABOUT = (
    "Recorded by interop/generate/pickle_vectors.py. pickles: by protocol, in hex; large ones as length and sha256. "
    "others: the same inputs on other versions of Python. exploits: pickles that run code or build what is no data; "
    "none of them may be read."
)


def recorded_by(python):
    script = os.path.abspath(__file__)
    printed = subprocess.check_output([python, script, "--print"])
    return json.loads(printed.decode("ascii"))


def this_python():
    return {"python": platform.python_version(), "vectors": vectors()}


def main(args):
    if args == ["--print"]:
        print(json.dumps(this_python()))
        return 0
    check = "--check" in args
    pythons = [arg for arg in args if arg != "--check"]
    with open(FILE) as file:
        known = json.load(file)
    from pickle_exploits import exploits

    fresh = dict(this_python(), about=ABOUT, exploits=exploits())
    fresh["others"] = [recorded_by(python) for python in pythons] if pythons else known.get("others", [])
    differ = [
        part for part in ("vectors", "exploits", "others")
        if json.dumps(known.get(part), sort_keys=True) != json.dumps(fresh[part], sort_keys=True)
    ]  # fmt: skip
    print("differ: %s" % (", ".join(differ) or "none"))
    if check:
        return 1 if differ else 0
    with open(FILE, "w") as file:
        json.dump(fresh, file, indent=0, sort_keys=True)
        file.write("\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
