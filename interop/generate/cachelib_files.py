"""Works on directories with cachelib's FileSystemCache, as Flask-Session does for `filesystem` and `cachelib`.

Takes a JSON list of {"directory": "...", "options": {...}, "steps": [[name, argument, ...], ...]} on standard input, and
prints for each the list of what its steps gave. Steps: ["set", key, "a Python expression", timeout], ["get", key] and
["delete", key] give repr; ["count"] gives the count that is kept; ["recount"] counts again, as at a start; ["clock",
seconds] stops the clock; ["spin", key, turns] writes a record again and again; ["set old", key, "a
Python expression", timeout, protocol] and ["get old", key] work as cachelib before 0.7, whose files are two pickles. "hash" among the options is the name of
a hash method. Needs cachelib.
"""

import hashlib
import json
import os
import pickle
import sys
import time

import cachelib.file
from cachelib import FileSystemCache


def path_of(directory, key):
    return os.path.join(directory, hashlib.md5(key.encode()).hexdigest())


def work(directory, options, steps):
    options = dict(options)
    if "hash" in options:
        options["hash_method"] = getattr(hashlib, options.pop("hash"))
    cache = FileSystemCache(directory, **options)
    given = []
    for name, *args in steps:
        if name == "set":
            key, expression, timeout = args
            given.append(repr(cache.set(key, eval(expression), timeout=timeout)))
        elif name == "get":
            given.append(repr(cache.get(args[0])))
        elif name == "delete":
            given.append(repr(cache.delete(args[0])))
        elif name == "count":
            given.append(cache._file_count)
        elif name == "recount":
            cache = FileSystemCache(directory, **options)
            given.append(cache._file_count)
        elif name == "clock":
            seconds = args[0]
            cachelib.file.time = lambda: seconds
            given.append(None)
        elif name == "set old":
            key, expression, timeout, protocol = args
            with open(path_of(directory, key), "wb") as file:
                pickle.dump(int(time.time()) + timeout, file, protocol)
                pickle.dump(eval(expression), file, max(protocol, 2))
            given.append(None)
        elif name == "get old":
            with open(path_of(directory, args[0]), "rb") as file:
                expiry = pickle.load(file)
                live = expiry == 0 or expiry >= time.time()
                given.append([repr(pickle.load(file)) if live else None, expiry])
        elif name == "spin":
            key, turns = args
            for turn in range(turns):
                cache.set(key, {"turn": turn, "padding": "x" * (turn % 7 * 10_000)}, timeout=3600)
            given.append(None)
    return given


if __name__ == "__main__":
    json.dump([work(**one) for one in json.load(sys.stdin)], sys.stdout)
