import { randomBytes } from 'node:crypto'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Express, NextFunction, Request, Response } from 'express'
import { ConfigError, isSessionError, type Store } from 'vial'
import { fileStore } from 'vial/stores/file'
import { memoryStore } from 'vial/stores/memory'
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { basics } from './flask-session-basics.ts'
import { serving } from './serving.ts'
import { visitor } from './visitor.ts'

const secret = randomBytes(32).toString('base64url')

async function start(app: Express): Promise<string> {
  const { url, stop } = await serving(app)
  onTestFinished(stop)
  return url
}

async function directory(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'vial-flask-tutorials-'))
  onTestFinished(() => rm(path, { recursive: true }))
  return path
}

const backends: [string, () => Promise<Store>][] = [
  ['filesystem', async () => fileStore(await directory())],
  ['memory', async () => memoryStore()],
]

describe.each(backends)("SESSION_TYPE = '%s'", (_name, store) => {
  test('says what the document says', async () => {
    const alice = visitor(await start(basics(await store(), secret)))
    expect((await alice.get('/get')).body).toBe('Hello, Guest!')
    expect((await alice.get('/set/Alice')).body).toBe('Session saved for Alice')
    expect((await alice.get('/get')).body).toBe('Hello, Alice!')
    const logout = await alice.get('/logout')
    expect([logout.status, logout.location]).toEqual([302, '/get'])
    expect((await alice.get('/get')).body).toBe('Hello, Guest!')
  })

  test('tells visitors apart', async () => {
    const url = await start(basics(await store(), secret))
    const names = ['Alice', 'Bob', 'Carol', 'Dave']
    const visitors = names.map(() => visitor(url))
    await Promise.all(visitors.map((one, index) => one.get(`/set/${names[index]}`)))
    const pages = await Promise.all(visitors.map((one) => one.get('/get')))
    expect(pages.map((page) => page.body)).toEqual(names.map((name) => `Hello, ${name}!`))
    await visitors[0]?.get('/logout')
    expect((await visitors[1]?.get('/get'))?.body).toBe('Hello, Bob!')
  })

  test('ends the session on the server: a copy of the cookie is worth nothing after logout', async () => {
    const url = await start(basics(await store(), secret))
    const alice = visitor(url)
    await alice.get('/set/Alice')
    const thief = visitor(url, alice)
    expect((await thief.get('/get')).body).toBe('Hello, Alice!')
    const { setCookie } = await alice.get('/logout')
    expect(setCookie).toHaveLength(1)
    expect(setCookie[0]).toMatch(/^session=;.*; Max-Age=0; HttpOnly; Path=\/; SameSite=Lax$/)
    expect(alice.cookies.size).toBe(0)
    expect((await thief.get('/get')).body).toBe('Hello, Guest!')
  })

  test('keeps more than a cookie could', async () => {
    const dave = visitor(await start(basics(await store(), secret)))
    const name = 'Dave'.repeat(1500)
    const { setCookie } = await dave.get(`/set/${name}`)
    expect(setCookie[0]?.length).toBeLessThan(250)
    expect((await dave.get('/get')).body).toBe(`Hello, ${name}!`)
  })

  test('gives a cookie on the first write, not before, and until the browser is closed', async () => {
    const alice = visitor(await start(basics(await store(), secret)))
    expect((await alice.get('/get')).setCookie).toEqual([])
    const { setCookie } = await alice.get('/set/Alice')
    expect(setCookie).toHaveLength(1)
    expect(setCookie[0]).toMatch(
      /^session=[\w-]{22}\.[\w-]{43}\.[\w-]{43}; HttpOnly; Path=\/; SameSite=Lax$/,
    )
    expect((await alice.get('/get')).setCookie).toEqual([])
    alice.closeBrowser()
    expect((await alice.get('/get')).body).toBe('Hello, Guest!')
  })
})

test('sessions survive a restart of the server', async () => {
  const path = await directory()
  const first = await serving(basics(fileStore(path), secret))
  const alice = visitor(first.url)
  await alice.get('/set/Alice')
  await first.stop()

  const again = visitor(await start(basics(fileStore(path), secret)), alice)
  expect((await again.get('/get')).body).toBe('Hello, Alice!')
})

test('nothing in the folder opens the session', async () => {
  const path = await directory()
  const alice = visitor(await start(basics(fileStore(path), secret)))
  await alice.get('/set/Alice')
  const [, verifier = ''] = (alice.cookies.get('session') ?? '').split('.')
  expect(verifier).toHaveLength(43)
  const names = await readdir(path, { recursive: true, withFileTypes: true })
  const files = names.filter((name) => name.isFile())
  expect(files.length).toBeGreaterThan(0)
  for (const { name, parentPath } of files) {
    expect(name).not.toContain(verifier)
    expect(await readFile(join(parentPath, name), 'latin1')).not.toContain(verifier)
  }
})

test('shows a name and never runs it', async () => {
  const mallory = visitor(await start(basics(memoryStore(), secret)))
  const name = encodeURIComponent('<script>alert(1)</script>')
  const shown = '&lt;script&gt;alert(1)&lt;/script&gt;'
  expect((await mallory.get(`/set/${name}`)).body).toBe(`Session saved for ${shown}`)
  expect((await mallory.get('/get')).body).toBe(`Hello, ${shown}!`)
})

test('says nothing of a session when the store fails', async () => {
  const store: Store = { ...memoryStore(), create: () => Promise.reject(new Error('disk full')) }
  const app = basics(store, secret)
  const codes: string[] = []
  app.use((error: unknown, _req: Request, res: Response, _next: NextFunction) => {
    if (isSessionError(error)) codes.push(error.code)
    res.status(503).send('Try again later')
  })
  const alice = visitor(await start(app))
  const page = await alice.get('/set/Alice')
  expect([page.status, page.body, page.setCookie]).toEqual([503, 'Try again later', []])
  expect(codes).toEqual(['ERR_VIAL_STORE'])
})

describe('the secret', () => {
  afterEach(() => {
    vi.unstubAllEnvs()
  })

  test("the document's own is refused when the program starts", () => {
    expect(() => basics(memoryStore(), 'supersecretkey')).toThrow(ConfigError)
    expect(() => basics(memoryStore(), 'supersecretkey')).toThrow(
      expect.objectContaining({ code: 'ERR_VIAL_CONFIG' }),
    )
    expect(() => basics(memoryStore(), 'supersecretkey')).toThrow(
      /published sample.*randomBytes\(32\)/,
    )
  })

  test('a missing one is an error that names the fix', () => {
    vi.stubEnv('SECRET_KEY', undefined)
    expect(() => basics(memoryStore())).toThrow(ConfigError)
    expect(() => basics(memoryStore())).toThrow(/`secret` is undefined.*randomBytes\(32\)/)
  })
})
