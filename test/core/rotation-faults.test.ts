/** A rotation beside a logout, and one whose replies are lost or whose writes come late. */

import { type Store, StoreError } from 'vial'
import { memoryStore } from 'vial/stores/memory'
import { expect, onTestFinished, test, vi } from 'vitest'
import { cookieIn, keyIn, lifeCycle, sessionOf } from './life-cycle.ts'

/** Lets other tasks run for a random number of turns before each verb and after it. */
function jittery(store: Store): Store {
  const turns = async (): Promise<void> => {
    for (let n = Math.floor(Math.random() * 4); n > 0; n--) {
      await new Promise((resolve) => setImmediate(resolve))
    }
  }
  const slow =
    <A extends unknown[], R>(verb: (...args: A) => R) =>
    async (...args: A): Promise<Awaited<R>> => {
      await turns()
      const result = await verb(...args)
      await turns()
      return result
    }
  return {
    ...store,
    read: slow(store.read),
    create: slow(store.create),
    replace: slow(store.replace),
    touch: slow(store.touch),
    delete: slow(store.delete),
  }
}

test.each(['regenerate', 'login'] as const)(
  'a logout beside a %s: of 1,000 nothing lives that was there before the logout',
  async (rotation) => {
    const memory = memoryStore()
    const [one, two] = [
      lifeCycle({ store: jittery(memory) }),
      lifeCycle({ store: jittery(memory) }),
    ]
    let alive = 0
    let met = 0
    for (let round = 0; round < 1_000; round++) {
      const first = await sessionOf(one)
      first.set('a', 1)
      const cookie = cookieIn(await one.commit(first)) ?? ''
      let isLoggedOut = false
      const rotate = async (): Promise<string | undefined> => {
        const session = await sessionOf(one, cookie)
        session[rotation]('ann')
        const commit = await one.commit(session)
        // A login that is committed after the logout begins a session of its own.
        return isLoggedOut && rotation === 'login' ? undefined : cookieIn(commit)
      }
      const logout = async (): Promise<void> => {
        const session = await sessionOf(two, cookie)
        session.destroy()
        await two.commit(session)
        isLoggedOut = true
      }
      const [rotated] = await Promise.all([rotate(), logout()])
      if (rotated !== undefined) met += 1
      for (const left of [cookie, rotated]) {
        if (left !== undefined && keyIn(left) === keyIn(cookie)) {
          alive += (await sessionOf(two, left)).isNew ? 0 : 1
        }
      }
    }
    expect(alive).toBe(0)
    // Both orders took place.
    expect(met).toBeGreaterThan(50)
  },
)

/** How one call of the store ends: answered; or its reply is lost, and the write is done, comes later, or never comes. */
type Fate = 'answered' | 'done' | 'late' | 'never'
const FATES: readonly Fate[] = ['answered', 'done', 'late', 'never']

/** A store whose calls end as the test says once it is armed. A late write arrives after `delay` further calls. */
class UnreliableStore implements Store {
  readonly name = 'unreliable'
  readonly atomic = true
  readonly #store: Store
  readonly #late: { readonly at: number; readonly run: () => unknown }[] = []
  #fates: Fate[] = []
  #delay = 0
  #calls = 0

  constructor(store: Store) {
    this.#store = store
  }

  arm(fates: readonly Fate[], delay: number): void {
    this.#fates = [...fates]
    this.#delay = delay
  }

  /** Lets every late write arrive. */
  async arrive(until = Number.POSITIVE_INFINITY): Promise<void> {
    for (const write of this.#late.splice(0)) {
      if (write.at <= until) await write.run()
      else this.#late.push(write)
    }
  }

  read: Store['read'] = (...args) => this.#call('read', () => this.#store.read(...args))
  create: Store['create'] = (...args) => this.#call('create', () => this.#store.create(...args))
  replace: Store['replace'] = (...args) => this.#call('replace', () => this.#store.replace(...args))
  touch: Store['touch'] = (...args) => this.#call('touch', () => this.#store.touch(...args))
  delete: Store['delete'] = (...args) => this.#call('delete', () => this.#store.delete(...args))

  async #call<T>(operation: string, run: () => T): Promise<Awaited<T>> {
    this.#calls += 1
    await this.arrive(this.#calls)
    const fate = this.#fates.shift() ?? 'answered'
    if (fate === 'answered') return await run()
    if (fate === 'done') await run()
    if (fate === 'late') this.#late.push({ at: this.#calls + this.#delay, run })
    const outcome = operation === 'read' ? 'not-done' : 'unknown'
    throw new StoreError('lost', { operation, outcome, retriable: true })
  }
}

const scripts = [1, 2, Number.POSITIVE_INFINITY].flatMap((delay) =>
  FATES.flatMap((a) =>
    FATES.flatMap((b) =>
      FATES.flatMap((c) => FATES.map((d) => ({ delay, fates: [a, b, c, d] as const }))),
    ),
  ),
)

test.each(['regenerate', 'login'] as const)(
  'a lost or late reply at every step of a %s: exactly the new cookie opens the session, and it counted once',
  async (rotation) => {
    for (const { delay, fates } of scripts) {
      const memory = memoryStore()
      const store = new UnreliableStore(memory)
      const sessions = lifeCycle({ store })
      const first = await sessionOf(sessions)
      first.set('n', 0)
      const cookie = cookieIn(await sessions.commit(first)) ?? ''
      const session = await sessionOf(sessions, cookie)
      session[rotation]('ann')
      session.increment('n')
      store.arm(fates, delay)
      const given = cookieIn(await sessions.commit(session))
      await store.arrive()
      store.arm([], 0)
      const [old, now] = [await sessionOf(sessions, cookie), await sessionOf(sessions, given)]
      expect({ fates, delay, old: old.isNew, n: now.get('n'), user: now.user }).toEqual({
        fates,
        delay,
        old: true,
        n: 1,
        user: rotation === 'login' ? 'ann' : undefined,
      })
    }
  },
)

test('a rotation that cannot be settled is unknown: one of the two cookies opens the session', async () => {
  vi.useFakeTimers()
  onTestFinished(() => {
    vi.useRealTimers()
  })
  for (const fate of ['done', 'late', 'never'] as const) {
    const memory = memoryStore()
    const store = new UnreliableStore(memory)
    // The time for settling is over at once: one read, which fails.
    const sessions = lifeCycle({
      store,
      timeout: 1_000,
      backoff: async () => void vi.advanceTimersByTime(300),
    })
    const first = await sessionOf(sessions)
    first.set('n', 0)
    const cookie = cookieIn(await sessions.commit(first)) ?? ''
    const session = await sessionOf(sessions, cookie)
    session.regenerate()
    session.increment('n')
    store.arm([fate, 'never', 'never', 'never'], Number.POSITIVE_INFINITY)
    await expect(sessions.commit(session)).rejects.toMatchObject({ outcome: 'unknown' })
    await store.arrive()
    const old = await sessionOf(lifeCycle({ store: memory }), cookie)
    expect([fate, old.isNew]).toEqual([fate, fate !== 'never'])
    if (fate === 'never') expect(old.get('n')).toBe(0)
  }
})

test('a login whose reply was lost does not begin again after the session was ended', async () => {
  const memory = memoryStore()
  const store = new UnreliableStore(memory)
  const sessions = lifeCycle({ store })
  const first = await sessionOf(sessions)
  first.set('n', 0)
  const cookie = cookieIn(await sessions.commit(first)) ?? ''
  const session = await sessionOf(sessions, cookie)
  session.login('ann')
  // The reply is lost, and so is the first read; before the second one the session is ended with the old cookie.
  const other = lifeCycle({ store: memory })
  store.arm(['done', 'never'], 0)
  const racing = lifeCycle({
    store,
    backoff: async () => {
      const late = await sessionOf(other, cookie)
      late.destroy()
      await other.commit(late)
    },
  })
  const again = await sessionOf(lifeCycle({ store: memory }), cookie)
  again.login('ann')
  await expect(racing.commit(again)).rejects.toMatchObject({ outcome: 'unknown' })
  const left: string[] = []
  for await (const key of memory.list?.() ?? []) left.push(key)
  expect(left).toEqual([])
})

test.each(['set', 'login'] as const)(
  '%s meets a busy session within a few attempts',
  async (work) => {
    const memory = memoryStore()
    const others = lifeCycle({ store: memory })
    const first = await sessionOf(others)
    first.set('n', 0)
    const cookie = cookieIn(await others.commit(first)) ?? ''
    // Before each of the first replaces another process writes; while this one pauses, two more do.
    let races = 4
    const write = async (): Promise<void> => {
      const session = await sessionOf(others, cookie)
      session.increment('n')
      await others.commit(session)
    }
    const busy: Store = {
      ...memory,
      replace: async (...args) => {
        if (races-- > 0) await write()
        return memory.replace(...args)
      },
    }
    const pauses: number[] = []
    const mine = lifeCycle({
      store: busy,
      backoff: async () => {
        pauses.push(races)
        await write()
        await write()
      },
    })
    const session = await sessionOf(mine, cookie)
    if (work === 'set') session.set('a', 1)
    else session.login('ann')
    const now = cookieIn(await mine.commit(session)) ?? cookie
    const after = await sessionOf(others, now)
    expect([after.get('a'), after.user]).toEqual(
      work === 'set' ? [1, undefined] : [undefined, 'ann'],
    )
    // The first conflict is tried again at once.
    expect(pauses).toHaveLength(3)
    expect(after.get('n')).toBe(4 + 2 * 3)
  },
)
