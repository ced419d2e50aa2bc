"""Classes that only Python knows, made the ways that pickles make objects. For pickle_foreign.py and pickle_peer.py."""

import dataclasses


class OAuth2Token(dict):
    """As Authlib's: a dictionary with a state of its own."""

    def __init__(self, params):
        super().__init__(params)
        self.fetched_at = 1700000000.0


class ObjectId:
    """As bson's: slots, and a state of bytes."""

    __slots__ = ("__id",)

    def __init__(self, oid):
        self.__id = oid

    def __getstate__(self):
        return self.__id

    def __setstate__(self, value):
        self.__id = value


@dataclasses.dataclass
class Cart:
    items: list
    total: float

    @dataclasses.dataclass(frozen=True)
    class Line:
        name: str


class History(list):
    pass


class Keyed:
    """Made with keyword arguments."""

    def __new__(cls, *, key):
        made = object.__new__(cls)
        made.key = key
        return made

    def __getnewargs_ex__(self):
        return (), {"key": self.key}


def show(value):
    """Its class, its items and its state."""
    parts = [type(value).__qualname__]
    if isinstance(value, dict):
        parts.append(ascii(list(value.items())))
    if isinstance(value, list):
        parts.append(ascii(list(value)))
    parts.append(ascii(value.__getstate__() if isinstance(value, ObjectId) else vars(value)))
    return " ".join(parts)
