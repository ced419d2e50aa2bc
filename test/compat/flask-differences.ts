/**
 * Where sessions here answer otherwise than Flask on purpose: what the replays of the recordings expect, and the tables
 * of `docs/flask.md`.
 */

import type { Answer, Kept } from './flask-recordings.ts'

/** What is otherwise in the answer to a recorded request; `ConfigError`: such a program does not start. */
export type Otherwise = 'ConfigError' | Partial<Answer & { readonly after: object }>

export interface Difference {
  readonly flask: string
  readonly here: string
  readonly why: string
  /** By the name of the recorded request. */
  readonly cases: Readonly<Record<string, Otherwise>>
}

const SILENT = { set_cookie: [] }
const ID = 'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'
const FRESH = { d: { _permanent: true } }

/** The life of 31 days, in s. */
const LIFE = 2_678_400
const kept = (hex: string): Kept => ({ hex, ttl: LIFE })
const expiring = (id: string): string =>
  `session=${id}; Expires=Fri, 15 Dec 2023 22:13:20 GMT; HttpOnly; Path=/`
const removal = (name: string, rest = 'HttpOnly; Path=/'): string[] => [
  `session=; ${name}Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; ${rest}`,
]
const stored = (name: string): string => name.replaceAll('_', '-').padEnd(43, '0')
const PICKLE =
  '80049526000000000000007d94288c0a5f7065726d616e656e7494888c0475736572948c03626f62948c0174944b014b028694752e'

export const COOKIE_DIFFERENCES: readonly Difference[] = [
  {
    flask: 'A permanent session is signed again on each request.',
    here: 'On each request that asks for its session; on every one with `eager: true`.',
    why: 'A request for an image costs no signature, and its response stays cacheable.',
    cases: { existing_perm_untouched: { ...SILENT, vary: null } },
  },
  {
    flask: 'A change inside a value is lost without `session.modified = True`.',
    here: 'It is saved.',
    why: 'The program meant it.',
    cases: {
      nested_mutation: {
        set_cookie: [
          'session=eyJsIjpbMSwyXX0.ZVPxAA.pqwWBz7udyxY9_zJT5Q97t0HDC0; HttpOnly; Path=/',
        ],
      },
    },
  },
  {
    flask: 'Of several cookies of the name the first counts, even an invalid one.',
    here: 'The valid one counts; of several valid ones, none.',
    why: 'A cookie from a parent domain must not log the visitor out.',
    cases: { two_cookies_first_bad: { found: { v: { a: 1 } } } },
  },
  {
    flask: 'Emptying a session that the browser does not have removes its cookie.',
    here: 'There is nothing to remove.',
    why: 'A visitor without a session costs no header.',
    cases: { clear_no_cookie: SILENT },
  },
  {
    flask: '`session.permanent = False` in a new session gives the visitor a cookie that says so.',
    here: 'It changes nothing: a new session is not permanent.',
    why: 'No cookie before there is data.',
    cases: { permanent_false_only: SILENT },
  },
  {
    flask:
      'Messages may be shown again during the same request; those of other categories are dropped.',
    here: '`flashes()` takes what it shows and leaves the rest for the next page.',
    why: 'No message is lost unseen.',
    cases: {
      flash_read: {
        found: {
          m: [
            ['message', 'Hello'],
            ['error', 'Bad'],
          ],
          again: [],
          left: {},
        },
      },
    },
  },
  {
    flask: 'Without a secret, reading works and the first write is an error.',
    here: 'The program does not start.',
    why: 'The mistake shows before the first visitor.',
    cases: {
      null_session_read: 'ConfigError',
      null_session_set: 'ConfigError',
      null_session_ior: 'ConfigError',
      empty_string_secret: 'ConfigError',
    },
  },
  {
    flask: 'An unknown `SameSite` is an error on each request.',
    here: 'The program does not start.',
    why: 'The session could never be sent.',
    cases: { samesite_bad: 'ConfigError' },
  },
]

/** What `eager` makes different besides, and what it makes the same again. */
export const EAGER_DIFFERENCES: readonly Difference[] = [
  {
    flask: '`Vary: Cookie` where the view touches its session.',
    here: 'With `eager: true` on every response.',
    why: 'The session was loaded for it; whether the view used it is not known.',
    cases: {
      untouched_no_cookie: { vary: 'Cookie' },
      existing_nonperm_untouched: { vary: 'Cookie' },
      existing_perm_untouched_norefresh: { vary: 'Cookie' },
      existing_perm_untouched: {},
    },
  },
]

export const SESSION_DIFFERENCES: readonly Difference[] = [
  {
    flask: 'Every request rewrites the whole record, even one that does not touch its session.',
    here: 'A request that only reads moves the expiry; one that never asks does nothing.',
    why: 'Unchanged data cannot overwrite a change.',
    cases: {
      existing_untouched: { ...SILENT, vary: null, after: {} },
      nonperm_untouched: { after: {} },
    },
  },
  {
    flask: 'A request that only read undoes what another one wrote meanwhile.',
    here: 'It changes nothing and sends no cookie: the request that wrote has sent one.',
    why: 'No update is lost.',
    cases: {
      race_write: {
        ...SILENT,
        after: { [`session:${ID}CA`]: kept('82aa5f7065726d616e656e74c3a16e63') },
      },
    },
  },
  {
    flask: 'A request in flight at logout brings the session back.',
    here: 'It stays ended, and the request sends no cookie.',
    why: 'Logged out stays logged out.',
    cases: { race_logout: { ...SILENT, after: { [`session:${ID}CE`]: null } } },
  },
  {
    flask: 'The cookie is removed with only its domain and path.',
    here: 'With all its attributes.',
    why: 'Browsers otherwise keep `__Host-` and `__Secure-` cookies.',
    cases: {
      clear_existing: { set_cookie: removal('') },
      pop_last: { set_cookie: removal('') },
      nonperm_clear: { set_cookie: removal('') },
      flash_read: { set_cookie: removal('') },
      delete_cookie_opts: {
        set_cookie: removal('Domain=example.com; ', 'Secure; HttpOnly; Path=/p; SameSite=Lax'),
      },
    },
  },
  {
    flask: 'Emptying a session that was never stored removes record and cookie.',
    here: 'There is nothing to remove.',
    why: 'A visitor without a session costs no header and no store operation.',
    cases: {
      permanent_true_only: SILENT,
      permanent_false_only: SILENT,
      delete_no_cookie: SILENT,
    },
  },
  {
    flask: 'With `SESSION_REFRESH_EACH_REQUEST=False`, a change inside a value is lost.',
    here: 'It is saved.',
    why: 'The program meant it.',
    cases: {
      nested_mutation_norefresh: {
        set_cookie: [expiring(`${ID}A8`)],
        after: { [`session:${ID}A8`]: kept('82aa5f7065726d616e656e74c3a16c93010203') },
      },
    },
  },
  {
    flask: 'A record of another format is rewritten by the next request.',
    here: 'By the next change. Until then only its expiry moves.',
    why: 'Unchanged data keeps its bytes. Flask reads every format.',
    cases: {
      json_record_read: {
        after: {
          [`session:${ID}Bg`]: kept(
            '7b225f7065726d616e656e74223a747275652c2261223a7b2278223a312e352c22c3a9223a6e756c6c7d7d',
          ),
        },
      },
      legacy_pickle4_read: {
        after: { [`session:${stored('legacy_pickle4_read')}`]: kept(PICKLE) },
      },
    },
  },
  {
    flask: 'An invalid record is an error on every request until it expires.',
    here: 'A fresh session, and the event `rejected` with the reason `invalid`. Reading a damaged value throws.',
    why: 'One invalid record must not lock a visitor out.',
    cases: {
      stored_int: { status: 200, vary: 'Cookie', found: FRESH },
      stored_garbage: { status: 200, vary: 'Cookie', found: FRESH },
      stored_pickle_of_code: { status: 200, vary: 'Cookie', found: FRESH },
      // Its deadline moves: the session was asked for.
      stored_bad_utf8_msgpack: {
        vary: 'Cookie',
        after: { [`session:${stored('stored_bad_utf8_msgpack')}`]: kept('81a161a1ff') },
      },
    },
  },
  {
    flask: '`SESSION_USE_SIGNER` without a secret is an error on the first request.',
    here: 'The program does not start.',
    why: 'The mistake shows before the first visitor.',
    cases: { signer_no_secret_with_cookie: 'ConfigError' },
  },
]
