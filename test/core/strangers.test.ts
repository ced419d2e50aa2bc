/** What a stranger can send is never an exception, and never a session. */

import fc from 'fast-check'
import { createSessions, type SessionEvent, type Store } from 'vial'
import { itsdangerous } from 'vial/seals/itsdangerous'
import { taggedJson } from 'vial/serializers/tagged-json'
import { memoryStore } from 'vial/stores/memory'
import { expect, test } from 'vitest'
import { runs } from '../support/runs.ts'
import { Browser, SECRET } from './requests.ts'

const RUNS = runs(4_000, 40_000)
const NAME = '__Host-session'

/** Counts reads, and finds nothing but what was created. */
function watched(): Store & { reads: number } {
  const memory = memoryStore()
  const store = {
    ...memory,
    reads: 0,
    read: (...args: Parameters<Store['read']>) => {
      store.reads += 1
      return memory.read(...args)
    },
  }
  return store
}

const kinds = {
  'an id': () => createSessions({ store: watched(), onEvent }),
  'a signed id': () => createSessions({ store: watched(), secret: SECRET, onEvent }),
  encrypted: () => createSessions({ secret: SECRET, onEvent }),
  'as Flask': () =>
    createSessions({ seal: itsdangerous({ secret: SECRET }), serializer: taggedJson, onEvent }),
}
const events: SessionEvent[] = []
const onEvent = (event: SessionEvent): void => void events.push(event)

const byte = fc.integer({ min: 0, max: 255 }).map((code) => String.fromCharCode(code))
const anyText = fc.oneof(
  fc.string({ maxLength: 200 }),
  fc.string({ unit: 'binary', maxLength: 200 }),
  fc.array(byte, { maxLength: 200 }).map((bytes) => bytes.join('')),
  fc.stringMatching(/^[A-Za-z0-9_-]{43}$/),
  fc.base64String({ maxLength: 200 }),
)
const pair = fc
  .tuple(
    fc.constantFrom(
      NAME,
      NAME,
      NAME,
      ` ${NAME}`,
      `\u00a0${NAME}`,
      '',
      'session',
      '__host-session',
      '__proto__',
    ),
    anyText,
  )
  .map(([name, value]) => `${name}=${value}`)
const header = fc.oneof(
  anyText,
  fc.array(pair, { maxLength: 6 }).map((pairs) => pairs.join('; ')),
  fc.array(pair, { maxLength: 6 }).map((pairs) => pairs.join(',')),
)

for (const [kind, make] of Object.entries(kinds)) {
  test(`${kind}: ${RUNS} generated Cookie headers give a fresh session each`, {
    timeout: 600_000,
  }, async () => {
    const sessions = make()
    await new Browser(sessions).visit((session) => session.set('a', 1))
    await fc.assert(
      fc.asyncProperty(header, async (text) => {
        const session = await sessions.load(text)
        expect(session.isNew && session.size === 0).toBe(true)
        expect((await sessions.commit(session)).outcome).toBe('untouched')
      }),
      { numRuns: RUNS },
    )
  })

  test(`${kind}: ${RUNS} changed valid cookies give a fresh session each`, {
    timeout: 600_000,
  }, async () => {
    const sessions = make()
    const browser = new Browser(sessions)
    await browser.visit((session) => {
      session.set('user', 'ann')
      session.set('list', [1, 2, 3])
    })
    const valid = (browser.cookie as string).slice(NAME.length + 1)
    const at = fc.nat({ max: valid.length - 1 })
    const changed = fc.oneof(
      fc.tuple(at, byte).map(([i, char]) => valid.slice(0, i) + char + valid.slice(i + 1)),
      fc.tuple(at, at).map(([i, j]) => valid.slice(Math.min(i, j), Math.max(i, j))),
      fc.tuple(at, anyText).map(([i, text]) => valid.slice(0, i) + text + valid.slice(i)),
      at.map((i) => valid.slice(i) + valid.slice(0, i)),
      fc.constantFrom(
        valid.toLowerCase(),
        valid.toUpperCase(),
        `${valid}=`,
        `${valid}.`,
        `.${valid}`,
      ),
    )
    await fc.assert(
      fc.asyncProperty(changed, async (text) => {
        // What a cookie header takes for the same value is the same value: blanks around it, quotes, other cookies behind it.
        const value = text
          .replace(/;.*$/s, '')
          .replace(/^[ \t]+|[ \t]+$/g, '')
          .replace(/^"(.*)"$/s, '$1')
        fc.pre(value !== valid)
        const session = await sessions.load(`${NAME}=${text}`)
        expect(session.isNew && session.size === 0).toBe(true)
      }),
      { numRuns: RUNS },
    )
  })
}

/** A cookie of the right shape that no record has. */
const COOKIE = `${'A'.repeat(22)}.${'A'.repeat(43)}`

test('an unsigned id that was made up costs one read; what has not its shape, or no signature, costs none', async () => {
  const plain = watched()
  const signed = watched()
  for (const [store, options] of [
    [plain, {}],
    [signed, { secret: SECRET }],
  ] as const) {
    const sessions = createSessions({ store, ...options })
    for (const value of [
      'x',
      COOKIE.slice(1),
      `${COOKIE}A`,
      COOKIE.replace('.', '_'),
      '../etc/passwd',
      COOKIE.replace(/.$/, '%'),
      COOKIE.replaceAll('A', 'é'),
    ]) {
      await sessions.load(`${NAME}=${value}`)
    }
    expect(store.reads).toBe(0)
    await sessions.load(`${NAME}=${COOKIE}`)
  }
  expect([plain.reads, signed.reads]).toEqual([1, 0])
  const many = Array.from(
    { length: 500 },
    (_, i) => `${NAME}=${'A'.repeat(22)}.${String(i).padStart(43, 'A')}`,
  ).join('; ')
  await createSessions({ store: plain }).load(many)
  expect(plain.reads).toBeLessThanOrEqual(5)
})

test('several ids: the one that exists counts; two that exist count for nothing', async () => {
  const events: SessionEvent[] = []
  const sessions = createSessions({
    store: memoryStore(),
    onEvent: (event) => void events.push(event),
  })
  const [one, two] = [new Browser(sessions), new Browser(sessions)]
  await one.visit((session) => session.set('a', 1))
  await two.visit((session) => session.set('a', 2))
  const unknown = `${NAME}=${COOKIE}`
  expect((await sessions.load(`${unknown}; ${two.cookie}`)).get('a')).toBe(2)
  expect((await sessions.load(`${one.cookie}; ${two.cookie}`)).isNew).toBe(true)
  expect(events).toEqual([{ type: 'several-cookies', cookies: 2, used: 'none' }])
})

test('every rejection was one of the known reasons', () => {
  const known = ['malformed', 'forged', 'expired', 'unknown', 'invalid', 'replayed']
  expect(events.length).toBeGreaterThan(2.5 * RUNS)
  const reasons = new Set(
    events.map((event) => (event.type === 'rejected' ? event.reason : event.type)),
  )
  for (const reason of reasons) expect(known).toContain(reason)
})
