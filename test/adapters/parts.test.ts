/** The parts of `vial/adapters` that the adapters of this package do not use themselves. */

import { createSessions, type StoredSession } from 'vial'
import { cookieScope, patchHeaders, patchResponse } from 'vial/adapters'
import { memoryStore } from 'vial/stores/memory'
import { expect, test } from 'vitest'

let at = Date.now()
const now = () => at
const sessions = createSessions({ store: memoryStore({ now }), cookie: { name: 'sid' }, now })

async function login(): Promise<string> {
  at += 1
  const session = await sessions.load(undefined)
  session.login('ada')
  const [cookie] = (await sessions.commit(session)).cookies
  return `sid=${cookie?.value}`
}

test('cookieScope reads the header when the session is asked for, and heals at the places of its URL', async () => {
  const header = `${await login()}; ${await login()}`
  let reads = 0
  const read = () => {
    reads += 1
    return header
  }
  const url = () => 'https://app.example.test/shop/page'
  const scope = cookieScope(sessions, read, { url })
  const event = {}
  await sessions.begin(event, scope, () => expect(reads).toBe(0))
  expect((await sessions.of(event)).user).toBe('ada')
  const { cookies, current } = await scope.commit({ current: true })
  const removed = cookies.filter(({ value }) => value === '')
  expect(removed.map(({ domain, path }) => [domain, path])).toContainEqual([
    'example.test',
    '/shop',
  ])
  const [kept, ...more] = cookies.filter(({ value }) => value !== '')
  expect([more, current?.startsWith(`sid=${kept?.value};`), reads]).toEqual([[], true, 1])
})

test("cookieScope with vary 'always' and onError 'discard'", async () => {
  const cookie = await login()
  const always = cookieScope(sessions, () => cookie, { vary: 'always' })
  await sessions.begin({}, always, () => {})
  expect((await always.commit()).headers).toEqual([
    ['vary', 'Cookie'],
    ['cache-control', 'private'],
  ])
  // The page streams.
  const late = (await always.load()) as StoredSession
  expect(late.user).toBe('ada')
  expect(() => late.set('n', 1)).toThrow(expect.objectContaining({ code: 'ERR_VIAL_STATE' }))

  const scopes = (['commit', 'discard'] as const).map((onError) =>
    cookieScope(sessions, () => undefined, { onError }),
  )
  const outcomes = scopes.map(async (scope) => {
    ;((await scope.load()) as StoredSession).set('n', 1)
    return (await scope.commit({ failed: true })).outcome
  })
  expect(await Promise.all(outcomes)).toEqual(['saved', 'untouched'])
})

test('patchResponse and patchHeaders merge a commit, and a response that is shared gets no cookie', async () => {
  const session = await sessions.load(undefined)
  session.set('n', 1)
  const commit = await sessions.commit(session)
  const shared = new Response('text', { headers: { vary: 'Accept', 'cache-control': 'public' } })
  const { headers } = patchResponse(shared, commit)
  const seen = (given: Headers) => [
    given.get('vary'),
    given.get('cache-control'),
    given.getSetCookie().length,
  ]
  expect(seen(headers)).toEqual(['Accept, Cookie', 'private', 1])
  expect(seen(shared.headers)).toEqual(['Accept', 'public', 0])
  patchHeaders(shared.headers, commit)
  expect(seen(shared.headers)).toEqual(['Accept, Cookie', 'private', 1])
})
