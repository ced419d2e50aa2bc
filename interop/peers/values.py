"""The values of the matrix by name, and which format of a session holds which."""

import datetime as dt
import math
from collections import OrderedDict, defaultdict
from decimal import Decimal
from uuid import UUID

from markupsafe import Markup

utc = dt.timezone.utc
INDIA = dt.timezone(dt.timedelta(hours=5, minutes=30))

EVERYWHERE = {
    "none": None,
    "true": True,
    "false": False,
    "int": 12,
    "int_negative": -1,
    "int_2p31": 2**31,
    "int_2p53_less_1": 2**53 - 1,
    "int_2p53_and_1": 2**53 + 1,
    "int_u64": 2**64 - 1,
    "int_i64": -(2**63),
    "float_one": 1.0,
    "float_third": 1 / 3,
    "float_negative_zero": -0.0,
    "float_2p53": 2.0**53,
    "float_1e22": 1e22,
    "float_1e16": 1e16,
    "float_1e-7": 1e-7,
    "float_smallest": 5e-324,
    "str": "text",
    "str_empty": "",
    "str_escapes": "é\x7f\u2028\x01\"\\/\t😀<&>",
    "str_long": "日本" * 900,
    "list": [1, "a", [None, {"k": []}], 2.0],
    "list_empty": [],
    "dict": {"b": 1, "a": {"é": 2.0}, "": None},
    "dict_empty": {},
    "dict_numeric_keys": {"10": 1, "9": 2},
    "dict_proto": {"__proto__": {"x": 1}, "constructor": 2},
    "dict_like_tag": {" t": [1]},
    "dict_like_escaped_tag": {" di": {" t__": [1]}},
    "bytes": bytes(range(0, 256, 5)),
    "bytes_empty": b"",
    "tuple": (1, (), [("x", 2.0)]),
    "datetime": dt.datetime(2024, 2, 29, 12, 34, 56, tzinfo=utc),
    "datetime_offset": dt.datetime(2024, 2, 29, 12, 34, 56, tzinfo=INDIA),
    "datetime_naive": dt.datetime(2024, 2, 29, 12, 34, 56),
    "date": dt.date(2024, 2, 29),
    "decimal": Decimal("1.10"),
    "uuid": UUID("12345678-1234-5678-1234-567812345678"),
    "dict_int_keys": {1: 2, 30: 4.0},
    "datetime_microseconds": dt.datetime(2024, 2, 29, 12, 34, 56, 789012, tzinfo=utc),
    "datetime_first": dt.datetime(1, 1, 1, tzinfo=utc),
    "datetime_last": dt.datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=utc),
    "datetime_naive_microseconds": dt.datetime(2024, 2, 29, 12, 34, 56, 5),
    "ordered_dict": OrderedDict(b=1, a=2),
    "default_dict": defaultdict(list, a=[1]),
    "nan": math.nan,
    "infinity": math.inf,
    "infinity_negative": -math.inf,
}

BIG = {"int_2p70": 2**70, "int_huge_negative": -(10**100)}
MARKUP = {"markup": Markup("<b>é &amp;</b>")}
SURROGATE = {"str_surrogate": "\ud800x"}
# What msgspec takes and Flask's own tags do not.
MORE = {
    "bytearray": bytearray(b"ab"),
    "set": {7},
    "frozenset": frozenset(["a"]),
    "time": dt.time(1, 2, 3, 4),
    "timedelta": dt.timedelta(days=1, seconds=2, microseconds=3),
    "timedelta_negative": dt.timedelta(seconds=-5),
}
KEYS = {"dict_mixed_keys": {1: "a", "1": "b", None: "d", b"x": "e", (1, 2): "f", 1.5: "g"}}


def ext():
    from msgspec.msgpack import Ext

    return {"ext": Ext(5, b"abc")}


def values(format):
    """All values that Flask can keep in sessions of the format."""
    if format == "tagged-json":
        return {**EVERYWHERE, **BIG, **MARKUP, **SURROGATE}
    if format == "msgpack":
        return {**EVERYWHERE, **MORE, **KEYS, **ext()}
    if format == "json":
        return {**EVERYWHERE, **MORE, **BIG}
    return {**EVERYWHERE, **MORE, **BIG, **MARKUP, **SURROGATE, **KEYS}
