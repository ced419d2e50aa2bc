/** A life cycle made of the core's parts, so that a test can take the place of the waiting between attempts. */

import { randomBytes } from 'node:crypto'
import type { Commit, Serializer, SessionEvent, Store, StoredSession, StoredSessions } from 'vial'
import { msgpack } from 'vial/serializers/msgpack'
import { cookieWriter } from '../../src/cookies/serialize.ts'
import { StoreBacking } from '../../src/core/backing/index.ts'
import { Expiry } from '../../src/core/expiry.ts'
import { nativeIds } from '../../src/core/ids.ts'
import { DEFAULT_POLICY } from '../../src/core/policy.ts'
import { StoredSession as StoredSessionClass } from '../../src/core/session.ts'
import { SessionLifeCycle } from '../../src/core/session-life-cycle.ts'
import { type WaitTimer, waitTimer } from '../../src/core/time-limit.ts'
import { UserLists, type Users } from '../../src/core/users/index.ts'

export interface Setup {
  readonly store: Store
  readonly now?: () => number
  readonly idle?: number
  readonly lifetime?: number
  readonly timeout?: number
  readonly serializer?: Serializer
  readonly events?: SessionEvent[]
  readonly backoff?: () => Promise<void>
  readonly renewAfter?: number
  /** Lists the sessions of users. */
  readonly users?: Partial<Users> | undefined
  readonly timer?: WaitTimer
}

/** Stored sessions with the waiting between attempts under control. */
export function lifeCycle(setup: Setup): StoredSessions {
  const { store, now = Date.now, serializer = msgpack as Serializer, events = [] } = setup
  const cookie = cookieWriter()
  const emit = (event: SessionEvent): void => {
    events.push(event)
  }
  const config = {
    store,
    serializer,
    cookie,
    expiry: new Expiry(setup.lifetime ?? 31 * 86_400_000, setup.idle),
    ids: nativeIds(randomBytes, cookie.name),
    randomBytes,
    seal: undefined,
    timer: setup.timer ?? waitTimer(),
    timeout: setup.timeout ?? 60_000,
    now,
    backoff: setup.backoff ?? (() => Promise.resolve()),
    emit,
    renewAfter: setup.renewAfter,
    userKey: undefined,
  }
  const users = { most: 100, over: 'end-oldest', realm: cookie.name, ...setup.users } as const
  const lists = setup.users && new UserLists({ ...config, ...users })
  const backing = new StoreBacking({ ...config, lists })
  const sessions: unknown = new SessionLifeCycle({
    backing,
    cookie,
    serializer,
    policy: DEFAULT_POLICY,
    sessionClass: StoredSessionClass,
    schema: undefined,
    now,
    onStoreFailure: 'reject',
    ambient: false,
    eager: false,
    emit,
    close: async () => {},
  })
  return sessions as StoredSessions
}

/** The session of a request that sends this cookie. */
export async function sessionOf(sessions: StoredSessions, cookie?: string): Promise<StoredSession> {
  return sessions.load(cookie === undefined ? null : `__Host-session=${cookie}`)
}

/** The value of the cookie that a commit sets. Undefined: none, or a removal. */
export function cookieIn(commit: Commit): string | undefined {
  return commit.cookies[0]?.value || undefined
}

/** The store's key of a cookie. */
export function keyIn(cookie: string): string {
  return cookie.split('.')[0] ?? ''
}
