"""Reads and writes pickles for the tests, as long as it is asked: a line of JSON in, a line of JSON out.

{"seed": 7}       makes a record out of a number and answers with its "pickles" by protocol, in hex, and how it is "shown"
{"hex": "80…"}    reads a pickle and answers the same of what it read, or {"error"}

Needs markupsafe.
"""

import datetime as dt
import decimal
import json
import pickle
import random
import string
import sys
import uuid
from collections import OrderedDict, defaultdict

import foreign_classes
from markupsafe import Markup

FACTORIES = [list, dict, int, set, str, None]


def show(value):
    """Types and all; sets and dictionaries in an order of their own."""
    kind = type(value)
    if kind in (list, tuple):
        return f"{kind.__name__}[{', '.join(map(show, value))}]"
    if kind in (set, frozenset):
        return f"{kind.__name__}[{', '.join(sorted(map(show, value)))}]"
    if kind in (dict, OrderedDict, defaultdict):
        pairs = [f"{show(key)}: {show(item)}" for key, item in value.items()]
        made_by = getattr(value, "default_factory", "")
        name = f"{kind.__name__}{getattr(made_by, '__name__', made_by)}"
        return f"{name}[{', '.join(pairs if kind is OrderedDict else sorted(pairs))}]"
    if kind.__module__ == "foreign_classes":
        return foreign_classes.show(value)
    return f"{kind.__name__} {ascii(value)}"


class Maker:
    def __init__(self, seed):
        self.random = random.Random(seed)
        self.made = []

    def record(self):
        count = self.random.choice([0, 1, 2, 5, 20])
        return {self.key() if self.random.random() < 0.1 else self.text(): self.value(0) for _ in range(count)}

    def value(self, depth):
        # Now and then the same object again.
        if self.made and self.random.random() < 0.1:
            return self.random.choice(self.made)
        made = self.random.choice(self.LEAVES if depth > 3 else self.LEAVES + self.CONTAINERS)(self, depth + 1)
        if depth > 1:
            self.made.append(made)
        return made

    def key(self, depth=9):
        kinds = [Maker.text, Maker.integer, Maker.bytes, Maker.uuid, Maker.date, Maker.decimal, Maker.none]
        if depth < 3 or self.random.random() < 0.1:
            return tuple(self.key() for _ in range(self.random.randrange(3)))
        return self.random.choice(kinds)(self, depth)

    def size(self):
        return self.random.choice([0, 1, 2, 3, 4, 5, 12])

    def none(self, depth):
        return None

    def boolean(self, depth):
        return self.random.random() < 0.5

    def integer(self, depth):
        bits = self.random.choice([1, 7, 8, 9, 15, 16, 17, 31, 32, 33, 53, 54, 63, 64, 65, 127, 128, 2040, 2048])
        return self.random.choice([-1, 1]) * self.random.getrandbits(bits) + self.random.randrange(2)

    def float(self, depth):
        r = self.random
        special = [0.0, -0.0, 1.0, 1e22, 1e-7, float("inf"), float("-inf"), float("nan"), 5e-324]
        return r.choice([r.choice(special), r.uniform(-1e6, 1e6), float(r.randrange(-99, 99)), r.expovariate(1e-300)])

    def text(self, depth=0):
        r = self.random
        length = r.choice([0, 1, 2, 5, 17, 255, 256, 300]) if r.random() < 0.995 else 70_000
        alphabet = r.choice([
            string.ascii_letters, string.printable, "\0\n\r\x1a\\'\"u\x7f", "é\x80\xff€", "a😀\U0010ffff", "x\ud800", "\udfff ",
            "0123456789",
        ])  # fmt: skip
        return "".join(r.choice(alphabet) for _ in range(length))

    def bytes(self, depth):
        length = self.random.choice([0, 1, 2, 10, 255, 256]) if self.random.random() < 0.995 else 66_000
        return self.random.randbytes(length)

    def bytearray(self, depth):
        # Which of two equal single bytes are one object is CPython's secret.
        made = self.bytes(depth)
        return bytearray(made if len(made) != 1 else b"ab")

    def list(self, depth):
        if self.random.random() < 0.02:
            return list(range(self.random.choice([999, 1000, 1001, 2000])))
        return [self.value(depth) for _ in range(self.size())]

    def tuple(self, depth):
        return tuple(self.value(depth) for _ in range(self.size()))

    def dict(self, depth):
        if self.random.random() < 0.02:
            return dict.fromkeys(range(self.random.choice([999, 1000, 1001, 2000])))
        make = self.random.choice([self.text, self.text, self.key])
        return {make(): self.value(depth) for _ in range(self.size())}

    def ordered(self, depth):
        return OrderedDict((self.key(depth), self.value(depth)) for _ in range(self.size()))

    def default(self, depth):
        return defaultdict(self.random.choice(FACTORIES), self.dict(depth))

    def set(self, depth):
        return {self.key(depth) for _ in range(self.size())}

    def frozen(self, depth):
        return frozenset(self.set(depth))

    def delta(self, depth):
        r = self.random
        return dt.timedelta(r.choice([0, -1, r.randint(-999_999_999, 999_999_998)]), r.randrange(86_400), r.choice([0, 5]))

    def zone(self, depth):
        if self.random.random() < 0.4:
            return dt.timezone.utc
        micros = self.random.choice([0, 0, 0, 1, 999_999])
        offset = dt.timedelta(minutes=self.random.randint(-1439, 1438), microseconds=micros)
        return dt.timezone(offset, *(["CET"] if self.random.random() < 0.3 else []))

    def datetime(self, depth):
        r = self.random
        zone = r.choice([None, self.zone(depth)])
        micros = r.choice([0, 1, 500_000, 999_000, r.randrange(10**6)])
        year = r.choice([1, 9999, 1969, 1970, r.randint(1, 9999)])
        parts = year, r.randint(1, 12), r.randint(1, 28), r.randrange(24), r.randrange(60), r.randrange(60), micros
        return dt.datetime(*parts, tzinfo=zone)

    def date(self, depth):
        return self.datetime(depth).date()

    def time(self, depth):
        return self.datetime(depth).timetz()

    def uuid(self, depth):
        return uuid.UUID(int=self.random.getrandbits(self.random.choice([8, 60, 128])))

    def decimal(self, depth):
        return decimal.Decimal(self.random.choice(["1.10", "-0", "1E+3", "NaN", "-Infinity", "0.1", str(self.random.random())]))

    def markup(self, depth):
        return Markup(self.text())

    LEAVES = [
        none, boolean, integer, float, text, bytes, bytearray, delta, zone, datetime, date, time, uuid, decimal, markup,
    ]  # fmt: skip
    CONTAINERS = [list, tuple, dict, ordered, default, set, frozen]


def answer(asked):
    if "seed" in asked:
        record = Maker(asked["seed"]).record()
    else:
        record = pickle.loads(bytes.fromhex(asked["hex"]))
    pickles = [pickle.dumps(record, protocol).hex() for protocol in range(6)]
    return {"pickles": pickles, "shown": show(record)}


def main():
    for line in sys.stdin:
        try:
            answered = answer(json.loads(line))
        except Exception as error:
            answered = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answered), flush=True)


if __name__ == "__main__":
    main()
