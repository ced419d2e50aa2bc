/** SvelteKit: a production build of the site in `sveltekit/`, started by its own command, and the adapter suite on that build. */

import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer, type RequestListener } from 'node:http'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Handle } from '@sveltejs/kit/hooks'
import type { Sessions } from 'vial'
import { type SvelteKitEvent, sessionHandle } from 'vial/adapters/sveltekit'
import type { AdapterSuiteOptions } from 'vial/testing'
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { streamOf } from '../adapters/hono-app.ts'
import { listening, runSuite } from '../adapters/suite.ts'

const SECRET = 'fTqnDLWhPPhk2ZlBBtjXwsPnAmgO2Vc8nQFo3rLZqAE'
/** Neither a build nor the site inherits how the tests run. */
const { NODE_ENV: _, VITEST: __, ...ENV } = process.env

const pathOf = (path: string): string => fileURLToPath(new URL(path, import.meta.url))

/** Runs a program in the folder of a site; gives what it prints. */
async function runIn(site: string, program: string, ...args: readonly string[]): Promise<string> {
  const options = { cwd: pathOf(site), env: ENV }
  const all = ['--no-warnings', pathOf(program), ...args]
  const { stdout } = await promisify(execFile)(process.execPath, all, options)
  return stdout
}

const build = (site: string): Promise<string> =>
  runIn(site, 'node_modules/vite/bin/vite.js', 'build')

/** A visitor of the site. */
class Visitor {
  readonly #origin: string
  readonly jar = new Map<string, string>()

  constructor(origin: string) {
    this.#origin = origin
  }

  /** Responds with what a browser keeps and shows: the text of the first paragraph, or the whole body without one. */
  async ask(path: string, init: RequestInit = {}) {
    const cookie = [...this.jar].map(([name, value]) => `${name}=${value}`).join('; ')
    const response = await fetch(this.#origin + path, {
      redirect: 'manual',
      ...init,
      headers: {
        accept: 'text/html',
        origin: this.#origin.replace('http:', 'https:'),
        ...(cookie !== '' && { cookie }),
        ...(init.headers as Record<string, string>),
      },
    })
    if (path.startsWith('/late')) await fetch(`${this.#origin}/go`)
    const cookies = response.headers.getSetCookie()
    for (const line of cookies) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
      if (value === '') this.jar.delete(name)
      else this.jar.set(name, value)
    }
    const body = await response.text()
    const text = /<p>(.*?)<\/p>/.exec(body)?.[1] ?? body
    const location = response.headers.get('location')
    return { status: response.status, text, cookies, location, headers: response.headers, body }
  }

  /** Sends a form. */
  post(path: string, fields: Record<string, string> = {}, headers: Record<string, string> = {}) {
    return this.ask(path, { method: 'POST', body: new URLSearchParams(fields), headers })
  }
}

describe('a site in production', () => {
  beforeAll(() => build('sveltekit'))

  let site: ChildProcess
  let origin: string
  let visitor: Visitor

  beforeAll(async () => {
    const env = { ...ENV, NODE_ENV: 'production', SESSION_SECRET: SECRET }
    site = spawn(process.execPath, ['--no-warnings', 'build'], {
      cwd: pathOf('sveltekit'),
      env: { ...env, HOST: '127.0.0.1', PORT: '0' },
      // Its error log, which is not looked at.
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    const lines = createInterface({ input: site.stdout as NodeJS.ReadableStream })
    const [line] = (await once(lines, 'line')) as [string]
    origin = line.replace(/^\D+(?=http)/, '')
  })
  afterAll(async () => {
    site.kill()
    await once(site, 'close')
  })
  beforeEach(() => {
    visitor = new Visitor(origin)
  })

  test('`locals.session` has the type that the application gives it', async () => {
    // The file has a name that SvelteKit does not look for, as it would read it with a TypeScript before 7.
    const args = ['-p', 'tsconfig.types.json']
    expect(await runIn('sveltekit', '../../node_modules/typescript/bin/tsc', ...args)).toBe('')
  })

  test('the examples of docs/sveltekit.md are parts of the site', async () => {
    const page = await readFile(pathOf('../../docs/sveltekit.md'), 'utf8')
    const examples = [...page.matchAll(/^```ts (.+)\n([\s\S]*?)^```$/gm)]
    expect(examples.length).toBe(5)
    for (const [, file, code] of examples) {
      expect(await readFile(pathOf(`sveltekit/${file}`), 'utf8')).toContain(code)
    }
  })

  const records = async () => Number((await new Visitor(origin).ask('/fault')).text)
  const breakStore = (verbs: string) =>
    new Visitor(origin).ask('/fault', { method: 'PUT', body: verbs })

  test('a reader gets no cookie, and the page depends on the cookie', async () => {
    const before = await records()
    const { status, text, cookies, headers } = await visitor.ask('/')
    expect([status, text, cookies, headers.get('vary')]).toEqual([200, 'nobody 0 ', [], 'Cookie'])
    expect(await records()).toBe(before)
  })

  test('a page that does not ask for the session costs nothing', async () => {
    await breakStore('silent')
    const { status, headers } = await visitor.ask('/signin')
    await breakStore('none')
    expect([status, headers.get('vary')]).toEqual([200, null])
  })

  test('login and logout by form actions, each with a redirect', async () => {
    const login = await visitor.post('/signin', { name: 'ada' })
    expect([login.status, login.location, login.cookies.length]).toEqual([303, '/', 1])
    expect(login.headers.get('cache-control')).toBe('private')
    expect((await visitor.ask('/')).text).toBe('ada 0 ')
    const old = new Map(visitor.jar)
    const logout = await visitor.post('/signout')
    expect([logout.status, logout.cookies.length, visitor.jar.size]).toEqual([303, 1, 0])
    for (const [name, value] of old) visitor.jar.set(name, value)
    expect((await visitor.ask('/')).text).toBe('nobody 0 ')
  })

  test('an action that fails, or that JavaScript calls, carries the cookie as well', async () => {
    const failed = await visitor.post('/signin')
    expect([failed.status, failed.text, failed.cookies.length]).toEqual([400, 'no name', 1])
    expect((await visitor.ask('/')).text).toBe('nobody 0 no name')
    const login = await visitor.post('/signin', { name: 'eve' }, { accept: 'application/json' })
    expect(JSON.parse(login.body)).toMatchObject({ type: 'redirect', location: '/' })
    expect(login.cookies.length).toBe(1)
    const data = await visitor.ask('/__data.json')
    expect(data.body).toContain('eve')
    expect(data.headers.get('vary')).toBe('Cookie')
  })

  test('the requests of event.fetch share the session: one record, one cookie, each write', async () => {
    const before = await records()
    const first = await visitor.ask('/visit')
    expect([first.text, first.cookies.length]).toEqual(['nobody visited 2', 1])
    expect(await records()).toBe(before + 1)
    expect((await visitor.ask('/')).text).toBe('nobody 2 visited')
    // Of a known visitor, without a cookie.
    const second = await visitor.ask('/visit')
    expect([second.text, second.cookies]).toEqual(['nobody visited 4', []])
    expect((await visitor.ask('/')).text).toBe('nobody 4 visited')
    // After a login in the same request.
    const login = await visitor.ask('/visit?login')
    expect([login.text, login.cookies.length]).toEqual(['bob visited 6', 1])
    expect((await visitor.ask('/')).text).toBe('bob 6 visited')
    expect(await records()).toBe(before + 1)
  })

  test('several requests of event.fetch at once, when the page itself does not ask', async () => {
    const before = await records()
    const { text, cookies } = await visitor.ask('/only')
    expect([text, cookies.length, await records()]).toEqual(['nobody -', 1, before + 1])
    expect((await visitor.ask('/')).text).toBe('nobody 3 ')
    const data = await visitor.ask('/only/__data.json')
    expect(data.cookies).toEqual([])
    expect((await visitor.ask('/')).text).toBe('nobody 6 ')
  })

  test('several cookies of one name are the same to the requests of event.fetch', async () => {
    await visitor.post('/signin', { name: 'ada' })
    const other = new Visitor(origin)
    await other.post('/signin', { name: 'ada' })
    const both = [visitor, other].flatMap(({ jar }) => [...jar]).map((pair) => pair.join('='))
    const headers = { cookie: both.join('; ') }
    expect((await new Visitor(origin).ask('/visit', { headers })).text).toBe('ada visited 2')
  })

  test("a request without the visitor's cookies has an empty session that cannot be written", async () => {
    await visitor.post('/signin', { name: 'ada' })
    const before = await records()
    const { text, cookies } = await visitor.ask('/omit')
    expect([text, cookies, await records()]).toEqual(['nobody - 500', [], before])
    expect((await visitor.ask('/')).text).toBe('ada 0 own')
  })

  test('a later handler that redirects keeps its writes; one that refuses does not', async () => {
    const redirected = await visitor.ask('/guarded')
    expect([redirected.status, redirected.location]).toEqual([303, '/'])
    expect(redirected.cookies).toEqual([
      expect.stringMatching(/^__Host-session=[\w.-]+; Path=\/; HttpOnly; Secure; SameSite=Lax$/),
    ])
    expect((await visitor.ask('/')).text).toBe('nobody 0 guarded')
    const data = await new Visitor(origin).ask('/guarded/__data.json')
    expect([data.cookies.length, JSON.parse(data.body)]).toEqual([
      1,
      { type: 'redirect', status: 303, location: '/' },
    ])
    const before = await records()
    const refused = await new Visitor(origin).ask('/guarded?refuse')
    expect([refused.status, refused.cookies, await records()]).toEqual([403, [], before])
  })

  test('a later handler that returns a redirect carries the cookie, but SvelteKit drops it for its client', async () => {
    const page = await new Visitor(origin).ask('/guarded?respond')
    expect([page.status, page.cookies.length]).toEqual([303, 1])
    const data = await new Visitor(origin).ask('/guarded/__data.json?respond')
    expect([JSON.parse(data.body).location, data.cookies]).toEqual(['/', []])
  })

  test('a promise that streams can read what was read before, and write nothing', async () => {
    await visitor.post('/signin', { name: 'ada' })
    const before = await records()
    const asked = await visitor.ask('/late')
    expect(asked.body).toContain('ERR_VIAL_STATE 500')
    const unasked = await visitor.ask('/late?unasked')
    expect(unasked.body).toContain('ERR_VIAL_STATE 500')
    const stranger = await new Visitor(origin).ask('/late')
    expect([stranger.cookies, await records()]).toEqual([[], before])
    expect((await visitor.ask('/')).text).toBe('ada 0 ')
  })

  test.each(['writes', 'silent'])(
    'a store that fails (%s): 503, without a cookie',
    async (verbs) => {
      await breakStore(verbs)
      const responses = await Promise.all([
        visitor.post('/signin', { name: 'ada' }),
        visitor.ask('/guarded'),
        visitor.ask('/visit'),
        visitor.ask('/visit/__data.json'),
      ])
      await breakStore('none')
      for (const { status, cookies, body } of responses) {
        expect([status, cookies]).toEqual([503, []])
        expect(body).toContain('Please try again')
      }
      expect((await visitor.ask('/')).text).toBe('nobody 0 ')
    },
  )

  test('a store that cannot be read: the error page of the site, or of the endpoint', async () => {
    await visitor.post('/signin', { name: 'ada' })
    await breakStore('reads')
    const page = await visitor.ask('/')
    const endpoint = await visitor.ask('/omit')
    await breakStore('none')
    expect([page.status, page.text]).toEqual([503, '503 Please try again'])
    expect(endpoint.status).toBe(503)
    expect((await visitor.ask('/')).text).toBe('ada 0 ')
  })
})

/** One handler of all, as `sequence` makes it. */
function together(handlers: readonly ReturnType<typeof sessionHandle>[]): Handle {
  return handlers.reduceRight<Handle>(
    (inner, outer) => (input) =>
      outer({ event: input.event, resolve: (event) => inner({ ...input, event }) }),
    ({ event, resolve }) => resolve(event),
  )
}

const start: AdapterSuiteOptions['start'] = async (sessions, handler, options) => {
  const suite = {
    handle: together(sessions.map((one) => sessionHandle(one, options))),
    async respond(event: SvelteKitEvent & { readonly url: URL }): Promise<unknown> {
      const headers = new Headers()
      const answer = (body: BodyInit | null, status: number, type?: string) => {
        if (type !== undefined) headers.set('content-type', type)
        return new Response(body, { status, headers })
      }
      return handler({
        method: event.request.method,
        path: event.url.pathname,
        body: () => event.request.text(),
        session: (given = sessions[0]) => (given as Sessions).of(event),
        reply: {
          header: (name, value) => headers.append(name, value),
          json: (value) => answer(JSON.stringify(value), 200, 'application/json'),
          html: (text) => answer(text, 200, 'text/html'),
          empty: (status) => answer(null, status),
          stream: (chunks) => answer(streamOf(chunks), 200, 'text/plain'),
          redirect(location) {
            headers.set('location', location)
            return answer(null, 302)
          },
        },
      })
    },
  }
  Object.assign(globalThis, { vialSuite: suite })
  const server = new URL('sveltekit-suite/build/handler.js', import.meta.url).href
  const { handler: listener } = (await import(/* @vite-ignore */ server)) as {
    readonly handler: RequestListener
  }
  return listening(
    createServer((request, response) => {
      // As a browser sends it; SvelteKit refuses other forms.
      request.headers.origin = `https://${request.headers.host}`
      listener(request, response)
    }),
  )
}

describe('the adapter suite', () => {
  beforeAll(async () => {
    await build('sveltekit-suite')
    // SvelteKit prints the errors of its handlers.
    vi.spyOn(console, 'error').mockImplementation(() => {})
  })
  afterAll(() => {
    vi.restoreAllMocks()
  })

  runSuite({ name: 'SvelteKit', start })
})
