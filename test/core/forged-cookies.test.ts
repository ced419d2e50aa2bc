import { createSessions, type Seal } from 'vial'
import { flaskSession } from 'vial/compat/flask-session'
import { encrypted } from 'vial/seals/encrypted'
import { flaskSigner } from 'vial/seals/flask-signer'
import { itsdangerous } from 'vial/seals/itsdangerous'
import { signed } from 'vial/seals/signed'
import { memoryStore } from 'vial/stores/memory'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { watchWarnings } from '../support/warnings.ts'
import { listener, SECRET } from './requests.ts'

afterEach(() => vi.restoreAllMocks())

/** A seal that counts the texts it opens. */
function counting(seal: Seal): Seal & { opened: number } {
  const counted: Seal & { opened: number } = {
    ...seal,
    opened: 0,
    open: (text, now, cookie) => {
      counted.opened += 1
      return seal.open(text, now, cookie)
    },
  }
  return counted
}

const long = (at: number): string => `sid=${String(at).padStart(150, 'A')}`
const short = (at: number): string => `sid=${String(at).padStart(12, 'x')}`
const many = (count: number, make: (at: number) => string): string =>
  Array.from({ length: count }, (_, at) => make(at)).join('; ')

const seals = [
  ['signed', signed({ secret: SECRET }), { store: memoryStore() }],
  ['encrypted', encrypted({ secret: SECRET }), {}],
  ['itsdangerous', itsdangerous({ secret: SECRET }), {}],
] as const

describe.each(seals)('forged cookies, %s', (_name, seal, place) => {
  const start = () => {
    const counted = counting(seal)
    const { events, onEvent } = listener()
    const cookie = { name: 'sid', secure: false }
    return {
      counted,
      events,
      sessions: createSessions({ ...place, seal: counted, cookie, onEvent }),
    }
  }

  async function honest(sessions: ReturnType<typeof start>['sessions']): Promise<string> {
    const session = await sessions.load(undefined)
    session.set('a', 1)
    return `sid=${(await sessions.commit(session)).cookies[0]?.value}`
  }

  test('no more than 32 are opened', async () => {
    const { counted, sessions, events } = start()
    await sessions.load(many(500, long))
    expect(counted.opened).toBe(32)
    expect(events).toEqual([{ type: 'several-cookies', cookies: 500, used: 'none' }])
  })

  test('31 beside a good one do no harm; texts that are too short are not counted', async () => {
    const { counted, sessions } = start()
    const good = await honest(sessions)
    const session = await sessions.load(`${many(200, short)}; ${many(31, long)}; ${good}`)
    expect([session.has('a'), counted.opened]).toEqual([true, 32])
  })

  test('more than 32 beside a good one: anonymous for this request, which is healed', async () => {
    const { sessions } = start()
    const good = await honest(sessions)
    const session = await sessions.load(`${many(40, long)}; ${good}`, {
      url: 'http://app.example.com/',
    })
    expect(session.isNew).toBe(true)
    expect((await sessions.commit(session)).cookies.map(({ domain }) => domain)).toEqual([
      'app.example.com',
      'example.com',
    ])
  })

  test('only short ones: malformed, and none is opened', async () => {
    const { counted, sessions, events } = start()
    await sessions.load(many(5, (at) => `sid=${at}`))
    expect([counted.opened, events]).toEqual([0, [{ type: 'rejected', reason: 'malformed' }]])
  })
})

test('no seal gives a text that is shorter than it says', () => {
  for (const seal of [...seals.map(([, seal]) => seal), flaskSigner({ secret: SECRET })]) {
    const text = seal.seal(Buffer.from('a'), 1_800_000_000_000, 'sid')
    expect(text.length).toBeGreaterThanOrEqual(seal.shortest ?? Number.NaN)
  }
})

describe('`domain` without `secret`', () => {
  const cookie = { domain: 'example.com' }
  test.each([
    ['createSessions', () => createSessions({ store: memoryStore(), cookie })],
    ['flaskSession', () => flaskSession({ store: memoryStore(), cookie })],
  ])('%s warns once', (_name, make) => {
    const seen = watchWarnings()
    make()
    make()
    expect(seen).toEqual([expect.stringMatching(/^VIAL_COOKIE_DOMAIN: .*Give `secret`/)])
  })

  test.each([
    ['with a secret', () => createSessions({ store: memoryStore(), cookie, secret: SECRET })],
    ['sealed', () => createSessions({ cookie, secret: SECRET })],
    ['without a domain', () => createSessions({ store: memoryStore() })],
    ['a signed preset', () => flaskSession({ store: memoryStore(), cookie, secret: SECRET })],
  ])('%s: no warning', (_name, make) => {
    const seen = watchWarnings()
    make()
    expect(seen).toEqual([])
  })
})
