/** A browser whose cookies a neighbouring host has changed: several of one name, two tabs, the back button. */

import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import process from 'node:process'
import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core'
import { createSessions, type LifeCycle, type Sessions } from 'vial'
import { withSession } from 'vial/adapters/node'
import { memoryStore } from 'vial/stores/memory'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { chromiumOptions } from '../../examples/tutorial/chromium.ts'
import { SECRET } from '../core/requests.ts'
import { watchWarnings } from '../support/warnings.ts'

const options = chromiumOptions()
const HOST = 'app.example.test'
/** No server of such a name exists: each leads to this machine. */
const ARGUMENTS = ['--no-proxy-server', '--host-resolver-rules=MAP *.example.test 127.0.0.1']

if (options === undefined && process.env['CI'] === 'true') {
  test('a Chromium is there', () => {
    throw new Error('No Chromium was found, and CI must not skip. Set CHROMIUM_PATH.')
  })
}

/** `/login/ann`, `/remember/ann` and `/logout` change the session; every page names its user. */
function site(sessions: Sessions & LifeCycle): Promise<Server> {
  const handler = withSession(sessions, async (request, response) => {
    const [, action, user] = /^\/(\w*)\/?(\w*)$/.exec(request.url ?? '') ?? []
    const session = await sessions.of(request)
    if (action === 'login' || action === 'remember') {
      session.login(user ?? '')
      session.permanent = action === 'remember'
    }
    if (action === 'logout') session.destroy()
    if (action === 'note') session.set('note', user)
    if (action !== 'shop' && action !== '') response.setHeader('location', '/shop')
    response.setHeader('cache-control', 'no-store')
    response.setHeader('content-type', 'text/html')
    response.statusCode = response.hasHeader('location') ? 303 : 200
    response.end(`<p>${session.user ?? 'nobody'} ${String(session.get('note') ?? '-')}</p>`)
  })
  const server = createServer((request, response) => void handler(request, response))
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)))
}

describe.skipIf(options === undefined).each(['stored', 'signed', 'sealed'] as const)(
  'in a browser, %s',
  (kind) => {
    const make = (cookie: object) => {
      const secret = kind === 'stored' ? {} : { secret: SECRET }
      const store = kind === 'sealed' ? {} : { store: memoryStore() }
      const given = { ...secret, ...store, cookie: { name: 'sid', secure: false, ...cookie } }
      return createSessions(given as { secret: string })
    }
    let browser: Browser
    let server: Server
    let context: BrowserContext
    let page: Page

    const url = () => `http://${HOST}:${(server.address() as AddressInfo).port}`

    beforeAll(async () => {
      browser = await chromium.launch({
        ...options,
        args: [...(options?.args ?? []), ...ARGUMENTS],
      })
    })
    afterAll(() => browser.close())
    beforeEach(async () => {
      server = await site(make({}))
      ;[context, page] = await newVisitor()
    })
    afterEach(async () => {
      vi.restoreAllMocks()
      await context.close()
      await close(server)
    })

    async function newVisitor(): Promise<[BrowserContext, Page]> {
      const visitor = await browser.newContext({ baseURL: url(), javaScriptEnabled: false })
      visitor.setDefaultTimeout(20_000)
      return [visitor, await visitor.newPage()]
    }

    async function cookieOf(user: string): Promise<string> {
      const [visitor, page] = await newVisitor()
      await page.goto(`/login/${user}`)
      const [cookie] = await visitor.cookies()
      await visitor.close()
      return cookie?.value ?? ''
    }

    const shown = (on = page) => on.locator('p').textContent()
    const jar = async () =>
      (await context.cookies()).map(({ name, domain, path }) => `${name} ${domain} ${path}`)

    /** A host-only cookie, and one of the parent domain and one of `/shop` of another user. */
    async function tossed(own: string, parents: string): Promise<void> {
      const [first, second] = [await cookieOf(own), await cookieOf(parents)]
      await context.addCookies([
        { name: 'sid', value: first, domain: HOST, path: '/' },
        { name: 'sid', value: second, domain: '.example.test', path: '/' },
        { name: 'sid', value: second, domain: HOST, path: '/shop' },
      ])
      expect((await jar()).length).toBe(3)
    }

    test('two cookies of two users: a login leaves one, which opens', async () => {
      await tossed('ann', 'eve')
      // The browser does not send it to `/login`, so the response cannot remove it.
      await context.clearCookies({ path: '/shop' })
      await page.goto('/login/bob')
      expect([await shown(), await jar()]).toEqual(['bob -', [`sid ${HOST} /`]])
    })

    test('two cookies of two users: reading leaves the site’s own one', async () => {
      await tossed('ann', 'eve')
      await page.goto('/shop')
      expect([await shown(), await jar()]).toEqual(['nobody -', [`sid ${HOST} /`]])
      await page.reload()
      expect(await shown()).toBe('ann -')
    })

    test('two cookies of one user: stays logged in, with one cookie', async () => {
      await tossed('ann', 'ann')
      await page.goto('/shop')
      expect([await shown(), await jar()]).toEqual(['ann -', [`sid ${HOST} /`]])
      await page.goto('/note/x')
      expect(await shown()).toBe('ann x')
    })

    test.each([['ann'], ['eve']])('a logout beside a cookie of %s leaves none', async (other) => {
      await tossed('ann', other)
      // From below /shop, so that all three are sent.
      await page.goto('/shop')
      await page.goto('/logout')
      expect([await shown(), await jar()]).toEqual(['nobody -', []])
    })

    test('two tabs: login, login of another user and logout in one are seen in the other', async () => {
      const tab = await context.newPage()
      await Promise.all([page.goto('/shop'), tab.goto('/shop')])
      await page.goto('/login/ann')
      await page.goto('/note/secret')
      await tab.reload()
      expect(await shown(tab)).toBe('ann secret')
      await tab.goto('/login/bob')
      await page.reload()
      expect(await shown()).toBe('bob -')
      await page.goto('/logout')
      await tab.reload()
      expect([await shown(tab), await jar()]).toEqual(['nobody -', []])
    })

    test('two tabs log in at once: one cookie, and it opens', async () => {
      const tab = await context.newPage()
      await page.goto('/note/cart')
      await Promise.all([page.goto('/login/ann'), tab.goto('/login/ann')])
      await page.reload()
      expect((await shown())?.startsWith('ann')).toBe(true)
      expect(await jar()).toEqual([`sid ${HOST} /`])
    })

    test('the back button after a logout shows no page of the user', async () => {
      await page.goto('/login/ann')
      await page.goto('/note/secret')
      await page.goto('/logout')
      await page.goBack()
      expect(await shown()).toBe('nobody -')
    })

    test('remember me: only then the cookie outlives the browser', async () => {
      await page.goto('/login/ann')
      expect((await context.cookies())[0]?.expires).toBe(-1)
      await page.goto('/remember/ann')
      const [cookie] = await context.cookies()
      expect((cookie?.expires ?? 0) * 1000 - Date.now()).toBeGreaterThan(30 * 86_400_000)
      expect(await shown()).toBe('ann -')
    })

    test('a secure cookie over plain http is not kept, and one warning says so', async () => {
      const warnings = watchWarnings()
      await close(server)
      server = await site(make({ secure: true }))
      ;[context, page] = await newVisitor()
      for (const user of ['ann', 'bob']) {
        await page.goto(`/login/${user}`)
        expect([await shown(), await jar()]).toEqual(['nobody -', []])
      }
      expect(warnings).toEqual([
        expect.stringMatching(/^VIAL_PLAIN_HTTP: .*over plain http.*`X-Forwarded-Proto`/),
      ])
    })

    test('a secure cookie over plain http is kept on localhost, without a warning', async () => {
      const warnings = watchWarnings()
      await close(server)
      server = await site(make({ secure: true }))
      const { port } = server.address() as AddressInfo
      await page.goto(`http://localhost:${port}/login/ann`)
      expect([await shown(), await jar()]).toEqual(['ann -', ['sid localhost /']])
      expect(warnings).toEqual([])
    })
  },
)

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}
