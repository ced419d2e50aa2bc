"""Writes one record in each format as Flask and Flask-Session write them.

Prints a JSON list of {"name", "format", "hex", "repr"}, where `repr` is what Python itself reads from the record. Each
record is the dictionary {"v": value}. Needs flask, flask-session and msgspec.
"""

import json
import math
import sys
from datetime import datetime, timedelta, timezone
from uuid import UUID

from markupsafe import Markup
from msgspec.msgpack import Ext
from read_values import app, decode, encode, show

utc = timezone.utc

PLAIN = {
    "none": None,
    "true": True,
    "int": 12,
    "int_2p31": 2**31,
    "int_2p53": 2**53,
    "int_u64": 2**64 - 1,
    "int_i64": -(2**63),
    "float": 1.0,
    "float_third": 1 / 3,
    "float_neg0": -0.0,
    "float_big": 1e22,
    "float_small": 1e-7,
    "str": "é\x7f\u2028\x01\"\\/😀",
    "str_long": "日本" * 30000,
    "list": [1, "a", [None, {"k": []}]],
    "dict": {"b": 1, "a": 2, "10": 3, "9": 4, "": 5, "__proto__": 6, "é": 7},
    "dict_like_tag": {" t": [1]},
}
EVERYTHING_BUT_JSON = {
    "bytes": bytes(range(256)),
    "datetime": datetime(2024, 2, 29, 12, 34, 56, tzinfo=utc),
    "datetime_offset": datetime(2024, 2, 29, 12, 34, 56, tzinfo=timezone(timedelta(hours=5, minutes=30))),
}
MSGPACK = {
    **EVERYTHING_BUT_JSON,
    "datetime_us": datetime(2024, 2, 29, 12, 34, 56, 789012, tzinfo=utc),
    "datetime_first": datetime(1, 1, 1, tzinfo=utc),
    "datetime_last": datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=utc),
    "nan": math.nan,
    "inf": -math.inf,
    "keys": {1: "a", "1": "b", True: "c", None: "d", b"x": "e", (1, 2): "f", 1.5: "g"},
    "ext": Ext(5, b"abc"),
    "int_keyed": {"cart": {1: 2, 30: 4}},
}
TAGGED = {
    **EVERYTHING_BUT_JSON,
    "tuple": (1, (), [(2,)]),
    "markup": Markup("<b>é</b>"),
    "uuid": UUID("12345678-1234-5678-1234-567812345678"),
    "nan": math.nan,
    "inf": -math.inf,
    "int_huge": 10**400,
    "int_keyed": {1: 2},
    "str_surrogate": "\ud800x",
    "flashes": [("message", "Hello"), ("error", Markup("<i>"))],
    "dict_of_tags": {" di": {" u": UUID(int=5)}, "k": {" t": (1,)}},
}
JSON = {"int_huge": 10**400, "datetime": EVERYTHING_BUT_JSON["datetime"], "bytes": b"a"}


def written():
    for format, values in (("msgpack", MSGPACK), ("json", JSON), ("tagged-json", TAGGED)):
        for name, value in {**PLAIN, **values}.items():
            record = encode(format, value)
            read = show(decode(format, record)["v"])
            yield {"name": name, "format": format, "hex": record.hex(), "repr": read}


if __name__ == "__main__":
    with app.app_context():
        json.dump(list(written()), sys.stdout)
