"""Makes and reads sessions as Flask and Flask-Session do, as long as it is asked: a line of JSON in, a line of JSON out.

{"do": "make", "format": "msgpack", "seed": 7, "count": 100}   sessions out of a number
{"do": "flash", "format": "msgpack", "seed": 7, "count": 100}  sessions with one flashed message, any value, of each
{"do": "read", "format": "msgpack", "records": ["83..."]}      sessions that another program wrote

All answer with a list of [record, text]: the record as Python writes what it read, and what that is (`canonical.py`).
A record is hexadecimal, or the cookie of the format `cookie`. Of a flashed message the text is Python's `str()`.
"""

import json
import pickle
import sys
from collections import OrderedDict, defaultdict
from pathlib import Path

from canonical import canonical
from flask import Flask
from flask_session.base import MsgSpecSerializer

sys.path.append(str(Path(__file__).parent.parent / "generate"))

from pickle_peer import Maker  # noqa: E402

# A browser keeps no longer cookie, and the other side is to add a little.
MOST = 3500


class TaggedMaker(Maker):
    """What Flask's tags hold."""

    def text(self, depth=0):
        return super().text()[:300]

    def key(self, depth=9):
        return self.text()

    def list(self, depth):
        return [self.value(depth) for _ in range(self.size())]

    def dict(self, depth):
        if self.random.random() < 0.2:
            tag = self.random.choice([" t", " di", " b", " m", " u", " d", " t__", " zz"])
            return {tag: self.value(depth)}
        return {self.text(): self.value(depth) for _ in range(self.size())}

    LEAVES = [
        Maker.none, Maker.boolean, Maker.integer, Maker.float, text, Maker.bytes, Maker.datetime, Maker.uuid, Maker.markup,
    ]  # fmt: skip
    CONTAINERS = [list, Maker.tuple, dict]


class JsonMaker(Maker):
    """What msgspec takes for JSON."""

    def text(self, depth=0):
        return super().text().encode("utf-8", "ignore").decode()

    def key(self, depth=9):
        return self.random.choice([JsonMaker.text, Maker.integer, Maker.bytes, Maker.uuid, Maker.date])(self, depth)

    LEAVES = [
        Maker.none, Maker.boolean, Maker.integer, Maker.float, text, Maker.bytes, Maker.bytearray, Maker.delta,
        Maker.datetime, Maker.date, Maker.uuid, Maker.decimal,
    ]  # fmt: skip
    CONTAINERS = [Maker.list, Maker.tuple, Maker.dict, Maker.ordered, Maker.default, Maker.set, Maker.frozen]


class MsgpackMaker(JsonMaker):
    """What msgspec takes for MessagePack."""

    def integer(self, depth):
        return max(-(2**63), min(super().integer(depth), 2**64 - 1))

    def key(self, depth=9):
        if self.random.random() < 0.05:
            return tuple(self.key() for _ in range(self.random.randrange(3)))
        kinds = [JsonMaker.text, MsgpackMaker.integer, Maker.bytes, Maker.uuid, Maker.date, Maker.none]
        return self.random.choice(kinds)(self, depth)

    LEAVES = [integer, *(leaf for leaf in JsonMaker.LEAVES if leaf is not Maker.integer)]


MAKERS = {"cookie": TaggedMaker, "msgpack": MsgpackMaker, "json": JsonMaker, "pickle": Maker}

app = Flask("vial")
app.logger.disabled = True
app.secret_key = "q8ZsXn3kLm0PvR7tYb2WcE5uHjKd9aGf"
signing = app.session_interface.get_signing_serializer(app)


def dump(format, session):
    if format == "cookie":
        return signing.dumps(session)
    if format == "pickle":
        return pickle.dumps(session, pickle.HIGHEST_PROTOCOL).hex()
    return MsgSpecSerializer(app, format).encode(session).hex()


def load(format, record):
    if format == "cookie":
        return dict(signing.loads(record))
    if format == "pickle":
        return pickle.loads(bytes.fromhex(record))
    return MsgSpecSerializer(app, format).decode(bytes.fromhex(record))


def keys(maker):
    return [maker.text()[:60].encode("utf-8", "ignore").decode() for _ in range(maker.random.choice([1, 1, 2, 5]))]


def dictionary(maker):
    return {key: maker.value(0) for key in keys(maker)}


def flashed(maker):
    return {"_flashes": [("message", ordered(maker.value(0)))]}


def ordered(value):
    """The value without what has an order of its own in JavaScript or in Python: keys that are digits, and sets."""
    kind = type(value)
    if kind in (list, tuple):
        return kind(map(ordered, value))
    if kind in (set, frozenset):
        return kind(map(ordered, list(value)[:1]))
    if kind not in (dict, OrderedDict, defaultdict):
        return value
    pairs = [(f"k{key}" if str(key).isdigit() else ordered(key), ordered(item)) for key, item in value.items()]
    return defaultdict(value.default_factory, pairs) if kind is defaultdict else kind(pairs)


def made(format, maker, make=dictionary):
    while True:
        session = make(maker)
        try:
            record = dump(format, session)
        except Exception:
            # A few of the values are none that Flask can keep.
            continue
        if format != "cookie" or len(record) <= MOST:
            return record


def answer(asked):
    format = asked["format"]
    if asked["do"] == "flash":
        maker = MAKERS[format](asked["seed"])
        records = [made(format, maker, flashed) for _ in range(asked["count"])]
        return [[record, str(load(format, record)["_flashes"][0][1])] for record in records]
    if asked["do"] == "make":
        maker = MAKERS[format](asked["seed"])
        records = [made(format, maker) for _ in range(asked["count"])]
    else:
        records = asked["records"]
    sessions = [load(format, record) for record in records]
    if asked["do"] == "make":
        return [[record, canonical(session)] for record, session in zip(records, sessions)]
    return [[dump(format, session), canonical(session)] for session in sessions]


def main():
    for line in sys.stdin:
        try:
            answered = answer(json.loads(line))
        except Exception as error:
            answered = {"error": f"{type(error).__name__}: {error}"}
        print(json.dumps(answered), flush=True)


if __name__ == "__main__":
    with app.app_context():
        main()
