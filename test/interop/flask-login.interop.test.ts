/** One cookie, and a real Flask application with Flask-Login, Flask-WTF and Authlib. */

import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Session, StoredSession } from 'vial'
import { withSession } from 'vial/adapters/node'
import { flaskCookie } from 'vial/compat/flask-cookie'
import { type FlaskLoginRequest, flaskLogin, flaskLogout } from 'vial/compat/flask-login'
import { flaskSession } from 'vial/compat/flask-session'
import { cachelibFileStore } from 'vial/stores/cachelib-file'
import { beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { Browser } from '../core/requests.ts'
import { newFolder } from './places.ts'
import { findPython, runScript } from './python.ts'

const python = findPython(
  'flask, flask_session, cachelib, flask_login, flask_wtf, authlib, requests',
)
const command = 'command' in python ? python.command : ''
const SECRET = 'q8ZsXn3kLm0PvR7tYb2WcE5uHjKd9aGf'

beforeEach((context) => {
  if ('missing' in python) context.skip(python.missing)
})

interface Asked {
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly address?: string
  readonly form?: Readonly<Record<string, string>>
}
interface Answer {
  readonly status: number
  readonly found: Readonly<Record<string, unknown>> & string
  readonly cookie: string
}
type Protection = 'basic' | 'strong'

/** The last answer of Flask, after all of these requests. */
function flask(
  cookie: string | undefined,
  requests: readonly Asked[],
  protection?: Protection,
  folder?: string,
) {
  const asked = { secret: SECRET, cookie, requests, folder, ...(protection && { protection }) }
  const answer = runScript<Answer[]>(command, 'login_site.py', asked).at(-1)
  expect(answer?.status).toBeLessThan(400)
  return answer as Answer
}

const here = () => flaskCookie({ secret: SECRET })

/** The cookies after a visit here, those of others included. */
async function visit(cookie: string | undefined, work: (session: Session) => void) {
  const browser = new Browser(here(), cookie)
  await browser.visit(work)
  const others = (cookie ?? '').split('; ').filter((one) => one && !one.startsWith('session='))
  return [browser.cookie, ...others].filter((one) => one !== undefined).join('; ')
}

const AGENT = 'Mozilla/5.0 (X11; "it\'s") \\ tab\t'
const cases: [what: string, headers: Record<string, string>, address: string | undefined][] = [
  ['an address and an agent', { 'user-agent': AGENT.trim() }, '203.0.113.7'],
  ['no agent', {}, '203.0.113.7'],
  ['a proxy', { 'user-agent': 'a', 'x-forwarded-for': ' 203.0.113.9 , 10.0.0.1' }, '10.0.0.1'],
  ['an empty header of a proxy', { 'user-agent': 'a', 'x-forwarded-for': '' }, '10.0.0.1'],
  ['an address of IPv6', { 'user-agent': "it's" }, '2001:db8::1'],
  ['an agent in Latin-1', { 'user-agent': 'caf\u00e9' }, '127.0.0.1'],
]

describe.each<Protection>(['basic', 'strong'])('with session protection "%s"', (protection) => {
  test.each(cases)('a login here is a fresh one there: %s', async (_, headers, address) => {
    const request: FlaskLoginRequest = { headers }
    const options = { user: '42', request, ...(address !== undefined && { address }) }
    const cookie = await visit(undefined, (session) => flaskLogin(session, options))
    const asked = { path: '/who', headers, ...(address !== undefined && { address }) }
    const { found } = flask(cookie, [asked, asked], protection)
    expect(found).toMatchObject({ user: '42', fresh: true })
  })

  test('a login by a real request, as a Request and as one of Node', async () => {
    const headers = { 'user-agent': 'agent', 'x-forwarded-for': '203.0.113.9' }
    const fetched = await visit(undefined, (session) =>
      flaskLogin(session, { user: '1', request: new Request('http://a/', { headers }) }),
    )
    expect(flask(fetched, [{ path: '/who', headers }], protection).found).toMatchObject({
      user: '1',
      fresh: true,
    })

    const sessions = here()
    const listener = withSession(sessions, async (request, response) => {
      flaskLogin(await sessions.of(request), { user: '2', request })
      response.end()
    })
    const server = createServer((request, response) => void listener(request, response)).listen(0)
    await once(server, 'listening')
    onTestFinished(() => void server.close())
    // The server listens on all interfaces, so Node has the address as ::ffff:127.0.0.1.
    const { port } = server.address() as AddressInfo
    const response = await fetch(`http://127.0.0.1:${port}/`, {
      headers: { 'user-agent': 'agent' },
    })
    const cookie = response.headers.getSetCookie()[0]?.split(';')[0]
    const asked = { path: '/who', headers: { 'user-agent': 'agent' }, address: '127.0.0.1' }
    expect(flask(cookie, [asked], protection).found).toMatchObject({ user: '2', fresh: true })
  })

  test('another agent is what Flask-Login makes of it', async () => {
    const request = { headers: { 'user-agent': 'mine' } }
    const cookie = await visit(undefined, (session) =>
      flaskLogin(session, { user: '42', request, address: '127.0.0.1' }),
    )
    const { found } = flask(
      cookie,
      [{ path: '/who', headers: { 'user-agent': 'his' } }],
      protection,
    )
    expect(found).toMatchObject(
      protection === 'basic' ? { user: '42', fresh: false } : { user: null, fresh: null },
    )
  })

  test('a logout here is one there, also of a visitor to be remembered', async () => {
    const headers = { 'user-agent': 'agent' }
    const there = flask(undefined, [{ path: '/login?user=42&remember', headers }], protection)
    expect(there.cookie).toContain('remember_token=')
    const cookie = await visit(there.cookie, (session) => {
      expect(session.get('_user_id')).toBe('42')
      flaskLogout(session, { request: { headers: { cookie: there.cookie } } })
    })
    const after = flask(cookie, [{ path: '/who', headers }], protection)
    expect(after.found).toMatchObject({ user: null, fresh: null })
    expect(after.cookie).not.toContain('remember_token=')
    expect(flask(after.cookie, [{ path: '/who', headers }], protection).found['user']).toBeNull()
  })

  test('a logout there is one here', async () => {
    const request = { headers: { 'user-agent': 'agent' } }
    const cookie = await visit(undefined, (session) =>
      flaskLogin(session, { user: '42', request, address: '127.0.0.1' }),
    )
    const { cookie: left } = flask(cookie, [{ path: '/logout', ...request }], protection)
    const session = await here().load(left)
    expect([...session.keys()]).toEqual([])
  })
})

test('a form’s token passes through here, and its errors show here as there', async () => {
  const { found: token, cookie } = flask(undefined, [{ path: '/csrf' }])
  const between = await visit(cookie, (session) => session.set('seen', 1))
  const form = { csrf_token: token, age: 'x' }
  const failed = flask(between, [{ path: '/form', form }])
  expect(failed.found['valid']).toBe(false)
  const { shown } = flask(failed.cookie, [{ path: '/who' }]).found as { shown?: unknown }
  const session = await here().load(failed.cookie)
  const [flash] = session.flashes()
  expect([flash?.message]).toEqual(shown)
  expect(flash?.value).toEqual({
    age: ['This field is required.'],
    name: ['This field is required.'],
  })
})

test('the state of an OAuth login passes through here', async () => {
  const { cookie } = flask(undefined, [{ path: '/authorize' }])
  const between = await visit(cookie, (session) => {
    session.set('seen', 1)
    // Written again by a handler that copies its session.
    for (const [key, value] of [...session]) session.set(key, value)
  })
  const { found } = flask(between, [{ path: '/state' }])
  expect(found).toMatchObject({
    data: { redirect_uri: 'https://vial.example/back' },
    exp: 'float',
  })
})

describe.each<Protection>(['basic', 'strong'])(
  'with Flask-Session on files and protection "%s"',
  (protection) => {
    const headers = { 'user-agent': 'agent' }
    const request: FlaskLoginRequest = { headers }

    function shared() {
      const { folder, remove } = newFolder()
      const store = cachelibFileStore(folder)
      const sessions = flaskSession({ store, format: 'pickle' })
      onTestFinished(async () => {
        await store.close?.()
        await remove()
      })
      const ask = (cookie: string | undefined, path: string, more: Partial<Asked> = {}) =>
        flask(cookie, [{ path, headers, ...more }], protection, folder)
      const visitHere = async (
        cookie: string | undefined,
        work: (session: StoredSession) => void,
      ) => {
        const browser = new Browser(sessions, cookie)
        await browser.visit(work)
        return browser.cookie
      }
      return { sessions, ask, visitHere }
    }

    test('a login and a logout here are one there, and the old id opens nothing there', async () => {
      const { ask, visitHere } = shared()
      const { cookie: anonymous } = ask(undefined, '/csrf')
      const cookie = await visitHere(anonymous, (session) =>
        flaskLogin(session, { user: '42', request, address: '127.0.0.1' }),
      )
      expect(cookie).not.toBe(anonymous)
      expect(ask(cookie, '/who').found).toMatchObject({ user: '42', fresh: true })
      expect(ask(anonymous, '/who').found).toMatchObject({ user: null })
      const after = await visitHere(cookie, (session) => flaskLogout(session, { request }))
      expect(ask(after, '/who').found).toMatchObject({ user: null, fresh: null })
      expect(ask(cookie, '/who').found).toMatchObject({ user: null })
    })

    test('a login there is seen here, and stays fresh when all is written again here', async () => {
      const { ask, visitHere } = shared()
      const { cookie } = ask(undefined, '/login?user=42')
      const same = await visitHere(cookie, (session) => {
        expect(session.get('_user_id')).toBe('42')
        for (const [key, value] of [...session]) session.set(key, value)
        session.set('seen', 1)
      })
      expect(ask(same, '/who').found).toMatchObject({ user: '42', fresh: true })
    })

    test('a token of Authlib’s own class is carried along, and shown by its name', async () => {
      const { ask, visitHere, sessions } = shared()
      const { cookie, found: before } = ask(undefined, '/token')
      expect(before).toMatchObject({ type: 'OAuth2Token', token: { expires_at: 1_700_000_000 } })
      const same = await visitHere(cookie, (session) => {
        const token = session.get('token')
        expect(() => `${token}`).toThrow(/OAuth2Token cannot be text/)
        session.set('copy', [token])
        session.set('token', token)
      })
      expect(ask(same, '/token').found).toEqual(before)
      const session = await sessions.load(same)
      session.flash(session.get('copy') as unknown as string)
      await sessions.commit(session)
      const shown = (await sessions.load(same)).flashes().map(({ message }) => message)
      expect(shown).toEqual(['[<authlib.oauth2.rfc6749.wrappers.OAuth2Token object>]'])
    })

    test('a form’s token holds here and there, and its errors show here', async () => {
      const { ask, visitHere } = shared()
      const { found: token, cookie } = ask(undefined, '/csrf')
      const between = await visitHere(cookie, (session) => session.set('seen', 1))
      const form = { csrf_token: token, age: '7', name: 'ann' }
      expect(ask(between, '/form', { form }).found['valid']).toBe(true)
      const failed = ask(between, '/form', { form: { ...form, age: 'x' } })
      await visitHere(failed.cookie, (session) =>
        expect(session.flashes().map(({ message }) => message)).toEqual([failed.found['text']]),
      )
    })
  },
)
