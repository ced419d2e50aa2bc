"""Records interop/fixtures/pickle-foreign.json: pickles of records that hold objects of classes that only Python knows.

    python interop/generate/pickle_foreign.py           writes the file
    python interop/generate/pickle_foreign.py --check   only says whether it differs; exit status 1 if it does
"""

import json
import pathlib
import pickle
import sys

from foreign_classes import Cart, History, Keyed, OAuth2Token, ObjectId, show

FILE = pathlib.Path(__file__).parent.parent / "fixtures" / "pickle-foreign.json"


def inputs():
    yield "OAuth2Token", OAuth2Token({"access_token": "s3cret", "expires_at": 1700003600, "ratio": 1.0})
    yield "ObjectId", ObjectId(bytes.fromhex("65a1b2c3d4e5f60718293a4b"))
    yield "a dataclass", Cart([{"sku": "pear", "price": 2.0}], 2.0)
    yield "a nested class", Cart.Line("pear")
    yield "a list", History(["/", "/cart"])
    yield "keyword arguments", Keyed(key="k")


def main(args):
    cases = []
    for name, value in inputs():
        pickles = {}
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            pickles[str(protocol)] = pickle.dumps({"user": "ann", "held": [value, 1]}, protocol).hex()
        cases.append({"name": name, "shown": show(value), "pickles": pickles})
    fresh = {"about": "Recorded by interop/generate/pickle_foreign.py. pickles: by protocol, in hex.", "cases": cases}
    text = json.dumps(fresh, indent=1) + "\n"
    if "--check" in args:
        same = FILE.read_text() == text
        print("the same" if same else "differs")
        return 0 if same else 1
    FILE.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
