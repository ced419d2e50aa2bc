/** The handle of SvelteKit without SvelteKit. With it: test/frameworks/sveltekit.frameworks.test.ts. */

import { createSessions, type StoredSession } from 'vial'
import { type SvelteKitEvent, sessionHandle } from 'vial/adapters/sveltekit'
import { flaskSession } from 'vial/compat/flask-session'
import { memoryStore } from 'vial/stores/memory'
import { expect, test } from 'vitest'
import { memorySessions } from './suite.ts'

type Locals = { readonly session: Promise<StoredSession> }
type Event = SvelteKitEvent & { readonly locals: Locals; readonly set: unknown[][] }

/** An event as SvelteKit makes it; `set` has the calls of `cookies.set`. */
function eventOf(init?: RequestInit, isSubRequest = false): Event {
  const set: unknown[][] = []
  return {
    request: new Request('https://app.example.test/', init),
    isSubRequest,
    locals: {} as Locals,
    cookies: { set: (...args) => void set.push(args) },
    set,
  }
}

test('a request that another one sends shares its session, also when several are sent', async () => {
  const { sessions, watch } = memorySessions()
  const handle = sessionHandle(sessions)
  const inner = async (event: Event) => {
    ;(await event.locals.session).increment('count')
    return new Response('inner')
  }
  const response = await handle({
    event: eventOf(),
    async resolve(event) {
      const resolve = (sub: Event) =>
        handle({ event: eventOf({ method: 'POST' }, true), resolve: inner }).then(() => inner(sub))
      const subs = [1, 2, 3].map(() => handle({ event: eventOf({}, true), resolve }))
      for (const sub of await Promise.all(subs))
        expect([...sub.headers.keys()]).not.toContain('set-cookie')
      return new Response(String((await event.locals.session).get('count')))
    },
  })
  expect(await response.text()).toBe('6')
  expect(response.headers.getSetCookie().length).toBe(1)
  expect(watch.calls).toEqual(['create'])
})

test('a request without a parent, as those of `reroute`, has a session of its own', async () => {
  const { sessions } = memorySessions()
  const response = await sessionHandle(sessions)({
    event: eventOf({}, true),
    async resolve(event) {
      ;(await event.locals.session).set('name', 'Ada')
      return new Response('')
    },
  })
  expect(response.headers.getSetCookie().length).toBe(1)
})

test('the cookie of a redirect has the attributes of the session and no others', async () => {
  const sessions = flaskSession({ store: memoryStore(), cookie: { secure: false } })
  const event = eventOf()
  const redirect = { status: 303, location: '/' }
  const handled = sessionHandle(sessions)({
    event,
    async resolve() {
      ;(await event.locals.session).set('name', 'Ada')
      throw redirect
    },
  })
  await expect(handled).rejects.toBe(redirect)
  const [[name, value, attributes] = ['', '', undefined]] = event.set
  expect([name, String(value).length > 20]).toEqual(['session', true])
  expect(attributes).toEqual({
    path: '/',
    httpOnly: true,
    secure: false,
    sameSite: false,
    partitioned: false,
    expires: expect.any(Date),
    encode: expect.any(Function),
  })
  const { encode } = attributes as { encode(text: string): string }
  expect(encode('a=b c')).toBe('a=b c')
})

test('of two kinds of session the first one is `locals.session`', async () => {
  const store = memoryStore()
  const kinds = ['shop', 'admin'].map((name) => createSessions({ store, cookie: { name } }))
  const [shop, admin] = kinds.map((sessions) => sessionHandle(sessions))
  const response = await shop?.({
    event: eventOf(),
    resolve: (event) =>
      admin?.({
        event,
        async resolve() {
          ;(await event.locals.session).set('kind', 'shop')
          ;(await kinds[1]?.of(event))?.set('kind', 'admin')
          return new Response('')
        },
      }) as Promise<Response>,
  })
  const names = response?.headers.getSetCookie().map((line) => line.replace(/=.*/, ''))
  expect(names).toEqual(['admin', 'shop'])
})

test('what streams can ask for the session where every response varies, and write nothing', async () => {
  const { sessions } = memorySessions()
  const event = eventOf()
  const handle = sessionHandle(sessions, { vary: 'always' })
  const response = await handle({ event, resolve: () => new Response('') })
  expect(response.headers.get('vary')).toBe('Cookie')
  const late = await event.locals.session
  expect(late.get('name')).toBeUndefined()
  expect(() => late.set('name', 'Ada')).toThrow(expect.objectContaining({ code: 'ERR_VIAL_STATE' }))
})

test('with onError an error page stores nothing, and a redirect does', async () => {
  const { sessions, watch } = memorySessions()
  const handle = sessionHandle(sessions, { onError: 'discard' })
  const resolve = (status: number) => async (event: Event) => {
    ;(await event.locals.session).set('name', 'Ada')
    if (status === 303) throw Object.assign(new Error(), { status, location: '/' })
    return new Response('', { status })
  }
  const failed = await handle({ event: eventOf(), resolve: resolve(500) })
  expect([failed.headers.getSetCookie(), watch.calls]).toEqual([[], []])
  const event = eventOf()
  await expect(handle({ event, resolve: resolve(303) })).rejects.toMatchObject({ location: '/' })
  expect([event.set.length, watch.calls]).toEqual([1, ['create']])
})
