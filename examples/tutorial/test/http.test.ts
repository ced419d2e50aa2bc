import { mkdir, readFile, rm, rmdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { dataDirectory, recordFiles, type Server, startServer } from './server.ts'
import { panelText, visitorOf } from './visitor.ts'

let data: string
let removeData: () => Promise<void>
let server: Server

beforeAll(async () => {
  ;[data, removeData] = await dataDirectory()
  server = await startServer(data)
})

afterAll(async () => {
  await server.end('SIGTERM')
  await removeData()
})

const newVisitor = () => visitorOf(server.url)
const PLAIN_PAGES = [
  '/',
  '/value',
  '/login',
  '/remember',
  '/cart',
  '/messages',
  '/style.css',
  '/icon.svg',
]

describe('a visitor who leaves nothing', () => {
  test.each(PLAIN_PAGES)('gets no cookie and no file from %s', async (path) => {
    const before = await recordFiles(data)
    const response = await newVisitor().get(path)
    expect(response.status).toBe(200)
    expect(response.headers.getSetCookie()).toEqual([])
    expect(await recordFiles(data)).toEqual(before)
  })

  test('gets both with the first value, and loses both with the last', async () => {
    const visitor = newVisitor()
    const before = await recordFiles(data)
    await visitor.post('/value', { name: 'Ada' })
    expect(visitor.cookie).toMatch(/^session=[\w-]{22}\.[\w-]{43}\.[\w-]{43}$/)
    expect(await recordFiles(data)).toHaveLength(before.length + 1)
    await visitor.post('/clear')
    expect(visitor.cookie).toBe('')
    expect(await recordFiles(data)).toEqual(before)
  })

  test('is told so by the panel', async () => {
    const page = await newVisitor().text('/')
    expect(page).toContain('yes, nothing is stored yet')
    expect(() => panelText(page, 'record')).toThrow('does not show')
  })
})

describe('the panel', () => {
  test('shows the key, the file and the record as they are', async () => {
    const visitor = newVisitor()
    await visitor.post('/value', { name: 'Ada' })
    const page = await visitor.text('/value')

    const selector = /^session=([\w-]{22})\./.exec(visitor.cookie)?.[1]
    expect(panelText(page, 'key')).toBe(selector)
    const { size } = await stat(join(data, panelText(page, 'file')))
    expect(page).toContain(`${size} bytes`)
    expect(JSON.parse(panelText(page, 'record'))).toEqual({
      name: 'Ada',
      _vial: { created: expect.any(Number), until: expect.any(Number), v: expect.any(String) },
    })
  })

  test('shortens the cookie: nobody can log in with a picture of the page', async () => {
    const visitor = newVisitor()
    await visitor.post('/value', { name: 'Ada' })
    const page = await visitor.text('/value')
    const [, selector = '', verifier = '', signature = ''] =
      /=(.*)\.(.*)\.(.*)/.exec(visitor.cookie) ?? []
    expect(panelText(page, 'cookie')).toBe(
      `session=${selector.slice(0, 10)}…${signature.slice(-10)}`,
    )
    expect(page).not.toContain(verifier)
    expect(page).not.toContain(signature)
  })

  test('writes nothing', async () => {
    const visitor = newVisitor()
    await visitor.post('/value', { name: 'Ada' })
    const file = join(data, panelText(await visitor.text('/value'), 'file'))
    const before = { ...(await stat(file)), atime: 0, atimeMs: 0 }
    for (const path of PLAIN_PAGES)
      expect((await visitor.get(path)).headers.getSetCookie()).toEqual([])
    expect({ ...(await stat(file)), atime: 0, atimeMs: 0 }).toEqual(before)
  })
})

describe('what a stranger sends', () => {
  const SCRIPT = `<script>alert("x")</script>'&`

  test.each([
    ['/value', { name: SCRIPT }],
    ['/messages', { text: SCRIPT, category: '"><script>' }],
  ])('is escaped on the page and in the panel: %s', async (path, fields) => {
    const visitor = newVisitor()
    await visitor.post(path, fields)
    const page = await visitor.text(path)
    expect(page).toContain('&lt;script&gt;alert(&quot;x&quot;)&lt;/script&gt;&#39;&amp;')
    expect(page).not.toContain('<script')
    expect(panelText(page, 'record')).toContain(JSON.stringify(SCRIPT))
  })

  test.each([
    'session=',
    'session=<script>alert(1)</script>',
    `session=${'a'.repeat(43)}.${'b'.repeat(43)}`,
    `session=${'a'.repeat(5000)}`,
    'session=%00%ff%; session="',
    '; ;=;session',
  ])('as a cookie is not honoured, and not an error: %s', async (cookie) => {
    const response = await visitorOf(server.url, cookie).get('/value')
    const page = await response.text()
    expect(response.status).toBe(200)
    expect(page).toContain('Hello, Guest!')
    expect(page).not.toContain('<script>')
  })

  test.each([
    ['another site', 'http://evil.example'],
    ['another port', 'http://127.0.0.1:1'],
    ['a sandbox', 'null'],
  ])('is refused when the form comes from %s', async (_from, origin) => {
    const visitor = newVisitor()
    await visitor.post('/value', { name: 'Ada' })
    for (const headers of [{ origin }, { origin, 'content-type': 'application/json' }]) {
      const response = await visitor.post('/value', { name: 'Eve' }, headers)
      expect(response.status).toBe(403)
      expect(await response.text()).toContain('from another site')
    }
    expect(await visitor.text('/value')).toContain('Hello, Ada!')
  })

  test('is refused when it does not say where it comes from', async () => {
    const response = await fetch(new URL('/logout', server.url), { method: 'POST' })
    expect(response.status).toBe(403)
  })

  test('is refused when it is too long or no form', async () => {
    const visitor = newVisitor()
    expect((await visitor.post('/value', { name: 'a'.repeat(20_000) })).status).toBe(413)
    const type = { 'content-type': 'multipart/form-data; boundary=x' }
    expect((await visitor.post('/value', { name: 'Ada' }, type)).status).toBe(400)
    expect(visitor.cookie).toBe('')
  })

  test.each([
    ['/cart/add', { item: '__proto__' }],
    ['/cart/quantity', { item: 'cork', quantity: '1e99' }],
    ['/cart/quantity', { item: 'cork', quantity: '-1' }],
    ['/cart/remove', {}],
  ])('does no harm to the cart: %s %o', async (path, fields) => {
    const visitor = newVisitor()
    await visitor.post('/cart/add', { item: 'cork' })
    expect((await visitor.post(path, fields)).status).toBe(303)
    expect(await visitor.text('/cart')).toContain('<td class="number" id="total">€ 0.85</td>')
  })
})

describe('messages', () => {
  test('wait for a page: neither a 404 nor a HEAD request takes them', async () => {
    const visitor = newVisitor()
    await visitor.post('/messages', { text: 'Read me.', category: 'success' })
    const shown = '<p class="flash success" role="status">Read me.</p>'
    const missing = await visitor.get('/apple-touch-icon.png')
    expect(missing.status).toBe(404)
    const text = await missing.text()
    expect(text).toContain('There is no such page.')
    expect(text).not.toContain(shown)
    await fetch(new URL('/', server.url), { method: 'HEAD', headers: { cookie: visitor.cookie } })
    expect(await visitor.text('/')).toContain(shown)
    expect(await visitor.text('/')).not.toContain(shown)
  })
})

test('twenty requests at once fill the cart and count, and none is lost', async () => {
  const visitor = newVisitor()
  await visitor.get('/visits')
  const { cookie } = visitor
  await Promise.all(
    Array.from({ length: 20 }, async (_, n) => {
      const tab = visitorOf(server.url, cookie)
      await tab.post('/cart/add', { item: n % 2 === 0 ? 'cork' : 'vial' })
      await tab.get('/visits/one.svg')
    }),
  )
  const record = JSON.parse(panelText(await visitor.text('/value'), 'record'))
  expect(record.visits).toBe(21)
  expect(record.cart).toHaveLength(2)
  expect(record.cart).toContainEqual({ item: 'cork', quantity: 10 })
  expect(record.cart).toContainEqual({ item: 'vial', quantity: 10 })
})

test('tells browsers to trust nothing that is not from here', async () => {
  const { headers } = await newVisitor().get('/')
  expect(headers.get('content-security-policy')).toContain("default-src 'self'")
  expect(headers.get('x-content-type-options')).toBe('nosniff')
  expect(headers.get('cache-control')).toBe('no-store')
  expect(headers.get('vary')).toBe('Cookie')
})

test('sets a cookie that scripts and other sites cannot use', async () => {
  const response = await newVisitor().post('/value', { name: 'Ada' })
  const [line = ''] = response.headers.getSetCookie()
  expect(line).toContain('; HttpOnly')
  expect(line).toContain('; SameSite=Lax')
})

test('says nothing of its insides when the store fails, and recovers', async () => {
  const visitor = newVisitor()
  await visitor.post('/value', { name: 'Ada' })
  const file = join(data, panelText(await visitor.text('/value'), 'file'))
  const record = await readFile(file)
  await rm(file)
  await mkdir(file)
  const response = await visitor.get('/value')
  const page = await response.text()
  expect(response.status).toBe(503)
  expect(page).toContain('The fault is on this side.')
  expect(page).not.toMatch(/store|vial-tutorial-|\.ts|damaged/i)
  await rmdir(file)
  await writeFile(file, record)
  expect(await visitor.text('/value')).toContain('Hello, Ada!')
})
