"""One text for a value and its type, the same in Python and in TypeScript (test/interop/canonical.ts)."""

import datetime as dt
import json
from collections import OrderedDict, defaultdict
from decimal import Decimal
from uuid import UUID

from markupsafe import Markup

EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.timezone.utc)
MICROSECOND = dt.timedelta(microseconds=1)
BRACKETS = {list: ("[", "]"), tuple: ("(", ")")}


def canonical(value):
    """Dictionaries and sets in an order of their own, as no two of the formats agree on one."""
    kind = type(value)
    if value is None or kind is bool:
        return json.dumps(value)
    if kind in (int, float):
        return repr(value)
    if kind is str:
        return json.dumps(value)
    if kind is Markup:
        return f"Markup {json.dumps(str(value))}"
    if kind in (bytes, bytearray):
        return f"{kind.__name__} {value.hex()}"
    if kind in (list, tuple):
        opening, closing = BRACKETS[kind]
        return f"{opening}{', '.join(map(canonical, value))}{closing}"
    if kind in (set, frozenset):
        return f"{kind.__name__}{{{', '.join(sorted(map(canonical, value)))}}}"
    if kind in (dict, OrderedDict, defaultdict):
        return dictionary(value)
    if kind in (UUID, Decimal):
        return f"{kind.__name__} {value}"
    if kind.__name__ == "Ext":
        return f"Ext({value.code}, {bytes(value.data).hex()})"
    return time_of(value)


def dictionary(value):
    pairs = [f"{canonical(key)}: {canonical(item)}" for key, item in value.items()]
    if type(value) is OrderedDict:
        return f"OrderedDict{{{', '.join(pairs)}}}"
    name = ""
    if type(value) is defaultdict:
        name = f"defaultdict {getattr(value.default_factory, '__name__', None)}"
    return f"{name}{{{', '.join(sorted(pairs))}}}"


def time_of(value):
    if isinstance(value, dt.datetime):
        fold = " later" if value.fold else ""
        if value.tzinfo is None:
            return f"naive {value.isoformat()}{fold}"
        return f"datetime {(value - EPOCH) // MICROSECOND} {zone_of(value.tzinfo)}{fold}"
    if isinstance(value, dt.date):
        return f"date {value.isoformat()}"
    if isinstance(value, dt.time):
        fold = " later" if value.fold else ""
        zone = "" if value.tzinfo is None else f" {zone_of(value.tzinfo)}"
        return f"time {value.replace(tzinfo=None).isoformat()}{zone}{fold}"
    if isinstance(value, dt.timedelta):
        return f"timedelta({value.days}, {value.seconds}, {value.microseconds})"
    if isinstance(value, dt.timezone):
        return f"timezone {zone_of(value)}"
    raise TypeError(f"no canonical text for {type(value).__name__}")


def zone_of(zone):
    offset, *label = zone.__getinitargs__()
    return " ".join([str(offset // MICROSECOND), *map(json.dumps, label)])
