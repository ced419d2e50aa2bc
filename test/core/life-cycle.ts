/** A life cycle made of the core's parts, so that a test can take the place of the waiting between attempts. */

import { randomBytes } from 'node:crypto'
import type { AnySession, Commit, Serializer, SessionEvent, Store } from 'vial'
import { msgpack } from 'vial/serializers/msgpack'
import { cookieWriter } from '../../src/cookies/serialize.ts'
import { Expiry } from '../../src/core/expiry.ts'
import { nativeIds } from '../../src/core/ids.ts'
import { HABITS } from '../../src/core/policy.ts'
import { StoredSession } from '../../src/core/session.ts'
import { SessionLifeCycle } from '../../src/core/sessions.ts'
import { StoredBacking } from '../../src/core/store-backing.ts'

export interface Setup {
  readonly store: Store
  readonly now?: () => number
  readonly idle?: number
  readonly lifetime?: number
  readonly timeout?: number
  readonly serializer?: Serializer
  readonly events?: SessionEvent[]
  readonly backoff?: () => Promise<void>
}

/** Stored sessions whose ids are the store's keys, with the waiting between attempts under control. */
export function lifeCycle(setup: Setup): SessionLifeCycle {
  const { store, now = Date.now, serializer = msgpack, events = [] } = setup
  const cookie = cookieWriter()
  const emit = (event: SessionEvent): void => {
    events.push(event)
  }
  const backing = new StoredBacking({
    store,
    serializer,
    cookie,
    expiry: new Expiry(setup.lifetime ?? 31 * 86_400_000, setup.idle),
    ids: nativeIds(randomBytes, false),
    seal: undefined,
    timeout: setup.timeout ?? 60_000,
    now,
    backoff: setup.backoff ?? (() => Promise.resolve()),
    emit,
    habits: HABITS,
  })
  return new SessionLifeCycle({
    backing,
    cookieName: cookie.name,
    serializer,
    habits: HABITS,
    sessionClass: StoredSession,
    admits: () => true,
    onStoreFailure: 'reject',
    ambient: false,
    eager: false,
    emit,
    close: async () => {},
  })
}

/** The session of a request that sends this id. */
export async function sessionOf(sessions: SessionLifeCycle, id?: string): Promise<StoredSession> {
  const session: AnySession = await sessions.load(id === undefined ? null : `__Host-session=${id}`)
  return session as StoredSession
}

/** The id in a commit's `Set-Cookie`; undefined: none, or a removal. */
export function idIn(commit: Commit): string | undefined {
  const line = commit.headers.find(([name]) => name === 'set-cookie')?.[1]
  return line === undefined ? undefined : /^__Host-session=([^;]+);/.exec(line)?.[1]
}
