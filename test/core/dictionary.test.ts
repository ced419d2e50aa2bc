import { createSessions, StateError, type StoredSession } from 'vial'
import { flaskSession } from 'vial/compat/flask-session'
import { memoryStore } from 'vial/stores/memory'
import { expect, test } from 'vitest'
import { Browser, SECRET } from './requests.ts'

function browser(): Browser<StoredSession> {
  return new Browser(createSessions({ store: memoryStore() }))
}

test('a new session is an empty dictionary', () =>
  browser().visit((session) => {
    expect(session.isNew).toBe(true)
    expect(session.modified).toBe(false)
    expect([session.size, [...session], [...session.keys()]]).toEqual([0, [], []])
    expect(session.get('a')).toBeUndefined()
    expect(session.get('a', 'fallback')).toBe('fallback')
    expect(session.pop('a', 1)).toBe(1)
    expect(session.delete('a')).toBe(false)
    expect(session.has('a')).toBe(false)
    expect(session.modified).toBe(false)
  }))

test('what is set is there at once and in the next request, in the order in which it was stored', async () => {
  const visitor = browser()
  await visitor.visit((session) => {
    session.set('b', 1)
    session.set('a', { x: [1, null, 'é'] })
    expect(session.get('a')).toEqual({ x: [1, null, 'é'] })
    expect([...session.keys()]).toEqual(['b', 'a'])
  })
  await visitor.visit((session) => {
    expect(session.isNew).toBe(false)
    session.set('c', true)
    expect(session.toJSON()).toEqual({ b: 1, a: { x: [1, null, 'é'] }, c: true })
    expect([...session].map(([key]) => key)).toEqual(['b', 'a', 'c'])
    expect(session.size).toBe(3)
  })
})

test('pop gives and deletes; set of undefined deletes; a deleted key may come back', async () => {
  const visitor = browser()
  await visitor.visit((session) => {
    session.set('a', 1)
    session.set('b', 2)
  })
  await visitor.visit((session) => {
    expect(session.pop('a')).toBe(1)
    session.set('b', undefined)
    session.set('a', 3)
    expect([...session]).toEqual([['a', 3]])
  })
  await visitor.visit((session) => expect(session.toJSON()).toEqual({ a: 3 }))
})

test('a value that was handed out may be changed in place', async () => {
  const visitor = browser()
  await visitor.visit((session) => session.set('cart', { items: ['tea'] }))
  await visitor.visit((session) => {
    const cart = session.get('cart') as { items: string[] }
    expect(session.modified).toBe(false)
    cart.items.push('milk')
    expect(session.modified).toBe(true)
  })
  await visitor.visit((session) => expect(session.get('cart')).toEqual({ items: ['tea', 'milk'] }))
})

test('a value may be changed after it was set, and setDefault gives one to change', async () => {
  const visitor = browser()
  await visitor.visit((session) => {
    const list = [1]
    session.set('list', list)
    list.push(2)
    ;(session.setDefault('other', []) as string[]).push('x')
    expect(session.setDefault('list', [])).toEqual([1, 2])
  })
  await visitor.visit((session) => expect(session.toJSON()).toEqual({ list: [1, 2], other: ['x'] }))
})

test('a fallback is not stored', async () => {
  const visitor = browser()
  const commit = await visitor.visit((session) => (session.get('cart', []) as string[]).push('x'))
  expect(commit.outcome).toBe('untouched')
})

test('keys that objects inherit are plain keys', async () => {
  const visitor = browser()
  const keys = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', '', '0', 'é\u0000']
  await visitor.visit((session) => {
    for (const key of keys) expect(session.has(key)).toBe(false)
    for (const key of keys) session.set(key, { [key]: key })
  })
  await visitor.visit((session) => {
    expect([...session.keys()]).toEqual(keys)
    for (const key of keys) {
      expect(Object.entries(session.get(key) as object)).toEqual([[key, key]])
    }
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
    expect(Object.keys(session.toJSON())).toContain('__proto__')
  })
})

test.each(['_permanent', '_flashes', '_vial'])(
  '%s belongs to the session: it reads as nothing and refuses writes',
  async (key) => {
    await browser().visit((session) => {
      session.flash('x')
      session.permanent = true
      expect(session.get(key, 'nothing')).toBe('nothing')
      expect(session.has(key)).toBe(false)
      expect(() => session.set(key, 1)).toThrow(StateError)
      expect(() => session.increment(key)).toThrow(/belongs to the session/)
      expect(session.size).toBe(0)
    })
  },
)

test('increment, append and update show their result at once', () =>
  browser().visit((session) => {
    session.increment('n')
    session.increment('n', 4)
    session.append('list', 'a')
    session.append('list', 'b', 'c')
    session.update('double', (value) => Number(value ?? 21) * 2)
    expect(session.toJSON()).toEqual({ n: 5, list: ['a', 'b', 'c'], double: 42 })
    session.update('double', () => undefined)
    expect(session.has('double')).toBe(false)
    session.set('n', 'text')
    expect(() => session.increment('n')).toThrow(/'n'.*needs a number/)
    expect(() => session.append('n', 1)).toThrow(/needs a list/)
    expect(() => session.update('n', async () => 1)).toThrow(/synchronous/)
    expect(() => session.increment('m', Number.NaN)).toThrow(StateError)
  }))

test('counting goes on exactly beyond 2^53', async () => {
  const visitor = browser()
  await visitor.visit((session) => session.set('n', Number.MAX_SAFE_INTEGER))
  await visitor.visit((session) => session.increment('n', 2))
  await visitor.visit((session) => expect(session.get('n')).toBe(9007199254740993n))
  await visitor.visit((session) => session.increment('n', -2n))
  await visitor.visit((session) => expect(session.get('n')).toBe(Number.MAX_SAFE_INTEGER))
})

test.each([
  ['a function', () => {}],
  ['a Set', new Set([1])],
  ['a class instance', new (class Cart {})()],
  ['a symbol', Symbol('x')],
  ['an invalid date', new Date(Number.NaN)],
])('%s is refused when it is set, with the key in the error', async (_, value) => {
  await browser().visit((session) => {
    expect(() => session.set('key', value)).toThrow(
      expect.objectContaining({ code: 'ERR_VIAL_SERIALIZATION', key: 'key' }),
    )
    expect(session.has('key')).toBe(false)
  })
})

test('a value that became unencodable fails the commit, and nothing is stored', async () => {
  const visitor = browser()
  await visitor.visit((session) => session.set('a', { x: 1 }))
  const failing = visitor.visit((session) => {
    session.set('b', 1)
    ;(session.get('a') as { x: unknown }).x = () => {}
  })
  await expect(failing).rejects.toMatchObject({ code: 'ERR_VIAL_SERIALIZATION', key: 'a' })
  await visitor.visit((session) => expect(session.toJSON()).toEqual({ a: { x: 1 } }))
})

test('neither inspection nor JSON shows the id', async () => {
  const { inspect } = await import('node:util')
  const visitor = browser()
  await visitor.visit((session) => session.set('a', 1))
  const id = visitor.cookie?.split('=')[1] as string
  await visitor.visit((session) => {
    const shown = inspect(session, { depth: 9, showHidden: true }) + JSON.stringify(session)
    expect(shown).not.toContain(id)
    expect(shown).toContain(session.fingerprint)
    expect(session.fingerprint).toMatch(/^[0-9a-f]{12}$/)
  })
})

test('a property set on a session throws instead of being lost, on every kind of session', async () => {
  const stored = createSessions({ store: memoryStore() })
  const eager = createSessions({ store: memoryStore(), eager: true })
  for (const session of [
    await stored.load(undefined),
    await createSessions({ secret: SECRET }).load(undefined),
    await flaskSession({ store: memoryStore() }).load(undefined),
    eager.session,
  ]) {
    expect(() => {
      ;(session as unknown as { views: number }).views = 1
    }).toThrow(TypeError)
    expect(Object.keys(session)).toEqual([])
  }
  const session = await stored.load(undefined)
  expect(() => Object.defineProperty(session, 'views', { value: 1 })).toThrow(TypeError)
  expect(() => Object.assign(session, { views: 1 })).toThrow(TypeError)
  // What is declared is set as before.
  session.permanent = true
  session.set('views', 1)
  expect([session.permanent, session.get('views')]).toEqual([true, 1])
})
