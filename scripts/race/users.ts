/** The users of the race: a user's sessions are ended while others begin, and more begin than the user may have. */

import { setTimeout as sleep } from 'node:timers/promises'
import express, { type Router } from 'express'
import { createSessions, type Store, type UsersOptions } from 'vial'
import { sessionMiddleware } from 'vial/adapters/express'
import { type Answer, type FailureCount, look, send } from './browser.ts'
import type { Schedule } from './race.ts'

/** The most sessions of a user at `/limited`. */
export const MOST = 3
/** The logins of one user at once. */
export const LOGINS = 50

/** Undefined where the store cannot keep users' lists. */
export function usersRouter(store: Store, timeout: number): Router | undefined {
  if (!store.atomic || store.evicts === true) return undefined
  const router = express.Router()
  router.use('/users', sessionsOf(store, timeout, true))
  router.use('/limited', sessionsOf(store, timeout, { most: MOST }))
  return router
}

function sessionsOf(store: Store, timeout: number, users: true | UsersOptions): Router {
  const name = users === true ? 'users' : 'limited'
  const cookie = { name, secure: false } as const
  const sessions = createSessions({ store, users, timeout, lifetime: '1h', cookie })
  const router = express.Router()
  router.use(sessionMiddleware(sessions))
  router.post('/login', async (req, res) => {
    const session = await sessions.of(req)
    session.login(String(req.query['user']))
    res.sendStatus(204)
  })
  router.post('/write', async (req, res) => {
    const session = await sessions.of(req)
    session.set(String(req.query['key']), 1)
    res.sendStatus(204)
  })
  router.post('/regenerate', async (req, res) => {
    const session = await sessions.of(req)
    session.regenerate()
    res.sendStatus(204)
  })
  router.post('/revoke', async (req, res) => {
    res.setHeader('began', Date.now())
    await sessions.forUser(String(req.query['user'])).revokeAll()
    res.sendStatus(204)
  })
  router.get('/', async (req, res) => {
    const session = await sessions.of(req)
    res.json({ loggedIn: session.user !== undefined, kept: 0, counter: 0 })
  })
  return router
}

/** Whether the application lists the sessions of users. */
export async function listsUsers(port: number): Promise<boolean> {
  return (await send(port, 'GET', '/users')).status === 200
}

/**
 * All sessions of a user are ended, with four logins, four writes and a `regenerate` in flight: whether one is alive
 * afterwards whose login, or whose new cookie, was answered before that began.
 */
export async function survivesRevocation(
  ports: readonly number[],
  { requests, server }: Schedule,
  user: string,
  failures: FailureCount,
): Promise<boolean> {
  const port = (index: number): number => ports[(server + index) % ports.length] as number
  const login = (index: number) => send(port(index), 'POST', `/users/login?user=${user}`)
  const [mine, other] = [await login(0), await login(1)]
  const answered: { readonly cookie: string; readonly at: number }[] = []
  const note = (answer: Answer | undefined): void => {
    if (answer?.cookie !== undefined) answered.push({ cookie: answer.cookie, at: Date.now() })
  }
  for (const answer of [mine, other]) note(answer)
  const acts: readonly ((index: number) => Promise<Answer>)[] = [
    (index) => send(port(index), 'POST', `/users/revoke?user=${user}`),
    (index) => send(port(index), 'POST', '/users/regenerate', mine.cookie),
    ...Array.from({ length: 4 }, () => login),
    ...Array.from(
      { length: 4 },
      (_, at) => (index: number) =>
        send(port(index), 'POST', `/users/write?key=k${at}`, at % 2 ? mine.cookie : other.cookie),
    ),
  ]
  const [revoked] = await Promise.all(
    acts.map(async (act, index) => {
      await sleep(requests[index]?.delay)
      const answer = await failures.watch(() => act(index))
      note(answer)
      return answer
    }),
  )
  if (revoked?.status !== 204) return false
  const before = answered.filter(({ at }, index) => index < 2 || at < revoked.began)
  const looks = before.map(({ cookie }) => look(port(0), cookie, '/users'))
  return (await Promise.all(looks)).some(({ loggedIn }) => loggedIn)
}

/** Many logins of one user at once: whether another number of sessions is alive afterwards than the user may have. */
export async function exceedsLimit(
  ports: readonly number[],
  user: string,
  failures: FailureCount,
): Promise<boolean> {
  const port = (index: number): number => ports[index % ports.length] as number
  const answers = await Promise.all(
    Array.from({ length: LOGINS }, (_, index) =>
      failures.watch(() => send(port(index), 'POST', `/limited/login?user=${user}`)),
    ),
  )
  const cookies = answers.flatMap((answer) => answer?.cookie ?? [])
  const looks = await Promise.all(cookies.map((cookie) => look(port(0), cookie, '/limited')))
  return looks.filter(({ loggedIn }) => loggedIn).length !== MOST
}
