/** Many commits on one session, each of a key of its own and one shared counter. */

import { createSessions, type Store, type StoredSessions } from 'vial'

export interface Tally {
  readonly retries: number
}

/** Sessions for the race: plain names, and time enough for a slow machine. */
export function raceSessions(
  store: Store,
  onRetry: (attempts: number) => void = () => {},
): StoredSessions {
  return createSessions({
    store,
    timeout: '30s',
    cookie: { secure: false },
    onEvent: (event) => {
      if (event.type === 'retried') onRetry(event.attempts - 1)
    },
  })
}

/** Commits `count` times, one request after the other. */
export async function commits(
  store: Store,
  cookie: string,
  writer: number,
  count: number,
): Promise<Tally> {
  let retries = 0
  const sessions = raceSessions(store, (more) => {
    retries += more
  })
  for (let i = 0; i < count; i += 1) {
    const session = await sessions.load(cookie)
    session.set(`writer ${writer} key ${i}`, i)
    session.increment('counter')
    await sessions.commit(session)
  }
  return { retries }
}
