"""The requests that session_vectors.py makes to applications with Flask-Session on Redis."""

NOW = 1_700_000_000
READ = "found['d'] = dict(session)"
NO_REFRESH = {"SESSION_REFRESH_EACH_REQUEST": False}
NOT_PERMANENT = {"SESSION_PERMANENT": False}
SIGNED = {"SESSION_USE_SIGNER": True}
JSON = {"SESSION_SERIALIZATION_FORMAT": "json"}
COOKIE_OPTIONS = {
    "SESSION_COOKIE_DOMAIN": "example.com",
    "SESSION_COOKIE_PATH": "/p",
    "SESSION_COOKIE_SECURE": True,
    "SESSION_COOKIE_SAMESITE": "Lax",
}
PICKLE_4 = "80049526000000000000007d94288c0a5f7065726d616e656e7494888c0475736572948c03626f62948c0174944b014b028694752e"
PICKLE_0 = "286470300a56757365720a70310a56626f620a70320a732e"
FLASH_READ = "found['m'] = get_flashed_messages(with_categories=True)"
# Another request to the same session while this one runs.
RACE_WRITE = "session.get('n'); backend.request(\"session['n'] = 99\", cookie=request_cookie, config=dict(app.config))"
RACE_LOGOUT = "session.get('n'); backend.request('session.clear()', cookie=request_cookie, config=dict(app.config))"


def case(name, run, *, config={}, secret="dev-secret", now=NOW, cookie=None, stored={}):
    """`cookie`: the header, in which `{name}` is the value of the cookie that this other case was given."""
    return dict(name=name, run=run, config=config, secret=secret, now=now, cookie=cookie, stored=stored)


def stored(name, hexed, run=READ, sid=None, **more):
    sid = sid or name.replace("_", "-").ljust(43, "0")
    return case(name, run, cookie="session=" + sid, stored={"session:" + sid: hexed}, **more)


REDIS_CASES = [
    case("untouched_no_cookie", ""),
    case("read_no_cookie", READ),
    case("set_a", "session['a'] = 1"),
    case("existing_untouched", "", cookie="session={set_a}", now=NOW + 100),
    case("existing_read", READ, cookie="session={set_a}", now=NOW + 100),
    case("existing_untouched_norefresh", "", cookie="session={set_a}", config=NO_REFRESH),
    case("existing_read_norefresh", READ, cookie="session={set_a}", config=NO_REFRESH),
    case("existing_modified_norefresh", "session['b'] = 2", cookie="session={set_a}", config=NO_REFRESH),
    case("permanent_to_false", "session.permanent = False", cookie="session={set_a}"),
    case("unknown_sid_set", "session['z'] = 1", cookie="session=attacker-chosen"),
    case("clear_existing", "session.clear(); " + READ, cookie="session={set_a}"),
    case("set_again", "session['a'] = 1"),
    case("clear_then_set", "session.clear(); session['z'] = 1", cookie="session={set_again}"),
    case("pop_last", "session.pop('z')", cookie="session={set_again}"),
    case("pop_missing", "session.pop('x', None)"),
    case("permanent_true_only", "session.permanent = True"),
    case("permanent_false_only", "session.permanent = False"),
    case("nonperm_set", "session['a'] = 1", config=NOT_PERMANENT),
    case("nonperm_untouched", "", cookie="session={nonperm_set}", config=NOT_PERMANENT),
    case("nonperm_read", READ, cookie="session={nonperm_set}", config=NOT_PERMANENT),
    case("nonperm_clear", "session.clear(); " + READ, cookie="session={nonperm_set}", config=NOT_PERMANENT),
    case("nonperm_again", "session['a'] = 1", config=NOT_PERMANENT),
    case("nonperm_clear_then_set", "session.clear(); session['z'] = 1", cookie="session={nonperm_again}"),
    case("perm_flipped_in_view", "session.permanent = True; session['a'] = 1", config=NOT_PERMANENT),
    case("regenerate_seed", "session['u'] = 'bob'"),
    case("regenerate", "app.session_interface.regenerate(session)", cookie="session={regenerate_seed}"),
    case("regenerate_empty", "app.session_interface.regenerate(session)"),
    case("nested_seed", "session['l'] = [1]"),
    case("nested_mutation_default", "session['l'].append(2)", cookie="session={nested_seed}"),
    case("nested_mutation_norefresh", "session['l'].append(3)", cookie="session={nested_seed}", config=NO_REFRESH),
    case("set_opts", "session['a'] = 1", config=COOKIE_OPTIONS),
    case("delete_cookie_opts", "session.clear()", cookie="session={set_opts}", config=COOKIE_OPTIONS),
    case("delete_no_cookie", "session.clear()", config=COOKIE_OPTIONS),
    case("prefix_and_lifetime", "session['a'] = 1", config={"SESSION_KEY_PREFIX": "myapp:", "PERMANENT_SESSION_LIFETIME": 90}),
    case("lifetime_subsecond", "session['a'] = 1", config={"PERMANENT_SESSION_LIFETIME": 1.5}),
    case("id_length", "session['a'] = 1", config={"SESSION_ID_LENGTH": 16}),
    case("signed_set", "session['a'] = 1", config=SIGNED),
    case("signed_read", READ, cookie="session={signed_set}", config=SIGNED),
    case("signed_bad", READ, cookie="session={signed_set}AA", config=SIGNED),
    case("signed_unsigned_cookie", READ, cookie="session={set_opts}", config=SIGNED),
    case("signer_no_secret_with_cookie", READ, cookie="session=" + "a" * 43, config=SIGNED, secret=None),
    case("json_set", "session['a'] = {'x': 1.5, '\u00e9': None}", config=JSON),
    case("json_record_read", READ, cookie="session={json_set}"),
    case("msgpack_seed", "session['a'] = {'x': 1.5, '\u00e9': None}"),
    case("msgpack_record_changed_as_json", "session['b'] = 1", cookie="session={msgpack_seed}", config=JSON),
    case("unserializable", "session['o'] = object()"),
    case("types", "session.update(t=(1, [2.0]), f=1.0, n=1)"),
    case("types_neighbour_changed", "session['n'] = 2", cookie="session={types}"),
    case("flash", "flash('Hi', 'info')"),
    case("flash_read", FLASH_READ, cookie="session={flash}"),
    stored("legacy_pickle4_read", PICKLE_4),
    stored("legacy_pickle4_changed", PICKLE_4, "session['n'] = 1"),
    stored("legacy_pickle0_changed", PICKLE_0, "session['n'] = 1", sid="00000000-0000-4000-8000-000000000001"),
    stored("stored_empty_map", "80"),
    stored("stored_empty_map_set", "80", "session['a'] = 1"),
    stored("stored_only_permanent", "81aa5f7065726d616e656e74c3"),
    stored("stored_empty_string", ""),
    stored("stored_int", "05"),
    stored("stored_nil", "c0"),
    stored("stored_bad_utf8_msgpack", "81a161a1ff", "found['a'] = session.get('a')"),
    stored("stored_garbage", "c167617262616765"),
    stored("stored_pickle_of_code", "80048c05706f736978948c0673797374656d93942e"),
    case("cookie_empty", READ, cookie="session="),
    case("race_write_seed", "session['n'] = 0"),
    case("race_write", RACE_WRITE, cookie="session={race_write_seed}"),
    case("race_logout_seed", "session['n'] = 0"),
    case("race_logout", RACE_LOGOUT, cookie="session={race_logout_seed}"),
]

TYPES = """
import datetime, decimal, uuid
session.update(t=(1, 'x'), l=[1, [2]], s={1}, b=b'\\x00\\xff', date=datetime.date(2024, 2, 29), u=uuid.UUID(int=5),
               dt=datetime.datetime(2024, 2, 29, 12, 34, 56, 789012, datetime.timezone.utc),
               d=decimal.Decimal('1.10'), f=1.5, whole=1.0, big=2**70, n=None, T=True, uni='\u00e9\U0001f600')
"""

LEGACY_CASES = [
    case("untouched_no_cookie", ""),
    case("set_a", "session['a'] = 1"),
    case("read", READ, cookie="session={set_a}"),
    case("unknown_sid_adopted", READ, cookie="session=attacker-chosen"),
    case("clear", "session.clear()", cookie="session={set_a}"),
    case("all_types", TYPES.strip()),
    case("types_read", "found['d'] = repr(dict(session))", cookie="session={all_types}"),
    case("flash", "flash('Hi', 'info')"),
]
