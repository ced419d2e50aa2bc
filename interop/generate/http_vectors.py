"""Records interop/fixtures/flask-http.json: requests to real Flask applications, and their answers.

    python interop/generate/http_vectors.py [OLDER_PYTHON]     writes the file
    python interop/generate/http_vectors.py --check            only says what differs; exit status 1 if anything does

Needs flask 3.1. OLDER_PYTHON is one with an older Flask, such as Debian's 2.2; of its answers, those that differ are
kept. Absent: what is in the file stays. `run` in the file is what the view did; `found` is what it saw.
"""

import datetime as dt
import json
import pathlib
import platform
import subprocess
import sys
from unittest.mock import patch

FILE = pathlib.Path(__file__).parent.parent / "fixtures" / "flask-http.json"
NOW = 1_700_000_000
LIFETIME = 31 * 24 * 3600
READ = "found['v'] = dict(session)"
ALL_OPTIONS = {
    "SESSION_COOKIE_NAME": "sid",
    "SESSION_COOKIE_DOMAIN": ".Example.com:8080",
    "SESSION_COOKIE_PATH": "/app x",
    "SESSION_COOKIE_SECURE": True,
    "SESSION_COOKIE_HTTPONLY": False,
    "SESSION_COOKIE_SAMESITE": "lax",
}
ODD_NAMES = {"SESSION_COOKIE_DOMAIN": "b\u00fccher.example", "SESSION_COOKIE_PATH": "/\u00e9/%20;a?b"}
NO_REFRESH = {"SESSION_REFRESH_EACH_REQUEST": False}
PERMANENT = "session.permanent = True; session['a'] = 1"
FLASH_READ = """
found['m'] = get_flashed_messages(with_categories=True)
found['again'] = get_flashed_messages()
found['only'] = get_flashed_messages(category_filter=['error'])
found['left'] = dict(session)
"""
MARKUP_READ = "found['m'] = [[type(m).__name__, str(m)] for m in get_flashed_messages()]"
RAISES = "session['a'] = 1; raise ZeroDivisionError"


def case(name, run, *, config={}, secret="dev-secret", now=NOW, cookie=None):
    """`cookie`: the header, in which `{name}` is the value of the cookie that this other case was given."""
    return {"name": name, "config": config, "secret": secret, "now": now, "cookie": cookie, "run": run.strip()}


CASES = [
    case("untouched_no_cookie", ""),
    case("contains_no_cookie", "found['v'] = 'a' in session"),
    case("len_no_cookie", "found['v'] = len(session)"),
    case("keys_iter_no_cookie", "found['v'] = list(session)"),
    case("modified_attr_only", "found['m'] = session.modified; found['p'] = session.permanent"),
    case("set_one", "session['a'] = 1"),
    case("all_cookie_options", "session['a'] = 1", config=ALL_OPTIONS),
    case("domain_and_path_quoted", "session['a'] = 1", config=ODD_NAMES),
    case("permanent_only", "session.permanent = True"),
    case("permanent_false_only", "session.permanent = False"),
    case("samesite_none", "session['a'] = 1", config={"SESSION_COOKIE_SAMESITE": "None"}),
    case("samesite_bad", "session['a'] = 1", config={"SESSION_COOKIE_SAMESITE": "bogus"}),
    case("partitioned", "session['a'] = 1", config={"SESSION_COOKIE_PARTITIONED": True}),
    case("partitioned_delete", "session.clear()", config={"SESSION_COOKIE_PARTITIONED": True}, cookie="session={set_one}"),
    case("clear_no_cookie", "session.clear()"),
    case("application_root", "session['a'] = 1", config={"APPLICATION_ROOT": "/sub"}),
    case("seed_permanent", PERMANENT),
    case("lifetime_timedelta_permanent", PERMANENT, config={"PERMANENT_SESSION_LIFETIME": dt.timedelta(days=1, seconds=5)}),
    case("lifetime_subsecond_permanent", PERMANENT, config={"PERMANENT_SESSION_LIFETIME": dt.timedelta(seconds=1.5)}),
    case("existing_nonperm_untouched", "", now=NOW + 100, cookie="session={set_one}"),
    case("existing_nonperm_read", "found['v'] = session['a']", now=NOW + 100, cookie="session={set_one}"),
    case("existing_perm_untouched", "", now=NOW + 100, cookie="session={seed_permanent}"),
    case("existing_perm_read", READ, now=NOW + 100, cookie="session={seed_permanent}"),
    case("existing_perm_untouched_norefresh", "", config=NO_REFRESH, now=NOW + 100, cookie="session={seed_permanent}"),
    case("existing_perm_read_norefresh", READ, config=NO_REFRESH, now=NOW + 100, cookie="session={seed_permanent}"),
    case("existing_perm_modified_norefresh", "session['b'] = 2", config=NO_REFRESH, now=NOW + 100, cookie="session={seed_permanent}"),
    case("permanent_to_false", "session.permanent = False", cookie="session={seed_permanent}"),
    case("clear_existing", "session.clear()", cookie="session={set_one}"),
    case("clear_permanent", "session.clear()", cookie="session={seed_permanent}"),
    case("clear_existing_opts", "session.clear()", config=ALL_OPTIONS, cookie="sid={set_one}"),
    case("clear_then_set", "session.clear(); session['z'] = 1", cookie="session={seed_permanent}"),
    case("pop_last_key", "session.pop('a')", cookie="session={set_one}"),
    case("pop_to_permanent", "session.pop('a')", cookie="session={seed_permanent}"),
    case("pop_missing_default", "session.pop('x', None)", cookie="session={set_one}"),
    case("pop_missing_no_cookie", "session.pop('x', None)"),
    case("setdefault_existing", "session.setdefault('a', 5)", cookie="session={set_one}"),
    case("setdefault_new", "session.setdefault('c', 5)", cookie="session={set_one}"),
    case("set_equal", "session['a'] = 1", cookie="session={set_one}"),
    case("seed_nested", "session['l'] = [1]"),
    case("nested_mutation", "session['l'].append(2)", cookie="session={seed_nested}"),
    case("types", "import uuid; session.update(t=(1, [2.0, (3,)]), u=uuid.UUID(int=5), f=1.0, n=1)"),
    case("types_neighbour_changed", "session['n'] = 2", cookie="session={types}"),
    case("tampered", READ, cookie="session={set_one}AAA"),
    case("tampered_then_set", "session['z'] = 1", cookie="session={set_one}AAA"),
    case("edge_lifetime_ok", READ, now=NOW + LIFETIME, cookie="session={set_one}"),
    case("expired_nonpermanent_by_lifetime", READ, now=NOW + LIFETIME + 1, cookie="session={set_one}"),
    case("future_cookie", READ, now=NOW - 1, cookie="session={set_one}"),
    case("two_cookies_first_bad", READ, cookie="session=junk; session={set_one}"),
    case("two_cookies_first_good", READ, cookie="session={set_one}; session=junk"),
    case("quoted_cookie", READ, cookie='session="{set_one}"'),
    case("empty_cookie_value", READ, cookie="session="),
    case("null_session_read", "found['v'] = session.get('a')", secret=None),
    case("null_session_set", "session['a'] = 1", secret=None),
    case("empty_string_secret", "session['a'] = 1", secret=""),
    case("null_session_ior", "session |= {'a': 1}", secret=None),
    case("view_raises_still_saves", RAISES),
    case("unserializable_set", "session['s'] = {1, 2}"),
    case("flash_two", "flash('Hello'); flash('Bad', 'error')"),
    case("flash_read", FLASH_READ, cookie="session={flash_two}"),
    case("flash_append_existing", "flash('More', 'info')", cookie="session={flash_two}"),
    case("flash_markup", "flash(Markup('<b>hi</b>'))"),
    case("flash_markup_read", MARKUP_READ, cookie="session={flash_markup}"),
]


def answer(asked, cookie):
    import flask
    from markupsafe import Markup

    app = flask.Flask("vial")
    app.logger.disabled = True
    app.secret_key = asked["secret"]
    app.config.update(asked["config"])
    found = {}

    @app.get("/")
    def view():
        scope = {"session": flask.session, "flash": flask.flash, "Markup": Markup, "found": found}
        scope["get_flashed_messages"] = flask.get_flashed_messages
        exec(asked["run"], scope)
        return ""

    headers = {} if cookie is None else {"Cookie": cookie}
    with patch("time.time", return_value=float(asked["now"])), patch("flask.sessions.datetime", Frozen.at(asked["now"])):
        client = app.test_client(use_cookies=False)
        # From outside: the test client would leave the path of APPLICATION_ROOT to us.
        response = client.get("/", base_url="http://localhost/", headers=headers)
    return {
        "request": cookie,
        "status": response.status_code,
        "set_cookie": response.headers.getlist("Set-Cookie"),
        "vary": response.headers.get("Vary"),
        "cache_control": response.headers.get("Cache-Control"),
        "found": json.loads(json.dumps(found, default=str)),
    }


class Frozen(dt.datetime):
    """A datetime whose now is when the case says."""

    @classmethod
    def at(cls, seconds):
        return type("At", (cls,), {"seconds": seconds})

    @classmethod
    def now(cls, tz=None):
        return dt.datetime.fromtimestamp(cls.seconds, tz)

    @classmethod
    def utcnow(cls):
        return dt.datetime.fromtimestamp(cls.seconds, dt.timezone.utc).replace(tzinfo=None)


def value_of(set_cookie):
    return set_cookie[0].split(";")[0].partition("=")[2] if set_cookie else ""


def record():
    recorded = []
    given = {}
    for asked in CASES:
        cookie = asked["cookie"]
        for name, value in given.items():
            cookie = cookie and cookie.replace("{%s}" % name, value)
        answered = answer(asked, cookie)
        given[asked["name"]] = value_of(answered["set_cookie"])
        config = {
            key: value.total_seconds() if isinstance(value, dt.timedelta) else value
            for key, value in asked["config"].items()
        }
        recorded.append({**{key: asked[key] for key in ("name", "secret", "now", "run")}, "config": config, **answered})
    return recorded


def versions():
    # In Python 3.11 and Debian's 2.2, where flask has no metadata of its own version.
    import importlib.metadata as metadata

    names = ["flask", "itsdangerous", "werkzeug"]
    return {"python": platform.python_version(), **{name: metadata.version(name) for name in names}}


ABOUT = (
    "Recorded by interop/generate/http_vectors.py: what a real Flask answered. `request` is the Cookie header, `run` what "
    "the view did, `found` what it saw. older: the cases in which an older Flask answered otherwise."
)


def older(python, ours):
    printed = subprocess.check_output([python, str(pathlib.Path(__file__).resolve()), "--print"])
    theirs = json.loads(printed)
    by_name = {case["name"]: case for case in ours}
    differ = [case for case in theirs["cases"] if case != by_name[case["name"]]]
    return {"versions": theirs["versions"], "cases": differ}


def main(args):
    fresh = {"versions": versions(), "cases": record()}
    if "--print" in args:
        print(json.dumps(fresh))
        return 0
    known = json.loads(FILE.read_text()) if FILE.exists() else {}
    pythons = [arg for arg in args if not arg.startswith("--")]
    fresh = {"about": ABOUT, **fresh}
    fresh["older"] = older(pythons[0], fresh["cases"]) if pythons else known.get("older")
    differ = [key for key in ("cases", "older") if known.get(key) != fresh[key]]
    for before, after in zip(known.get("cases", []), fresh["cases"]):
        if before != after:
            print(f"{after['name']}\n  was {before}\n  is  {after}")
    print(f"differ: {', '.join(differ) or 'none'}")
    if "--check" in args:
        return 1 if differ else 0
    FILE.write_text(json.dumps(fresh, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
