import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { type Store, StoreError } from 'vial'
import { memoryStore } from 'vial/stores/memory'
import { expect, test } from 'vitest'
import type { MaybePromise } from '../../src/core/store.ts'
import { runs } from '../support/runs.ts'
import { cookieIn, keyIn, lifeCycle, sessionOf } from './life-cycle.ts'
import {
  blank,
  type Done,
  effectOf,
  isLogin,
  type Op,
  opArbitrary,
  perform,
  type State,
} from './serial-model.ts'

const NOW = 1_800_000_000_000
const HOUR = 3_600_000

/** Fails one verb of one request: before it reaches the store, or after it was done (a lost reply). */
interface Fault {
  readonly at: number
  readonly kind: 'before' | 'after'
}
interface Request {
  readonly ops: readonly Op[]
  readonly process: 'shared' | 'own'
  readonly fault: Fault | undefined
}
interface Result {
  readonly done: readonly Done[]
  /** `superseded`: with the cookie that a login or `regenerate` has taken the place of. */
  readonly began: 'with the record' | 'superseded' | 'new'
  readonly outcome: 'kept' | 'gone' | 'failed'
  /** The cookie that the commit set, when it is another one. */
  readonly cookie: string | undefined
  /** A reply may have been lost. */
  readonly isLost: boolean
}

const requestArbitrary: fc.Arbitrary<Request> = fc.record({
  ops: fc.array(opArbitrary, { maxLength: 4 }),
  process: fc.constantFrom('shared' as const, 'own' as const),
  fault: fc.option(
    fc.record({
      at: fc.integer({ min: 1, max: 4 }),
      kind: fc.constantFrom('before' as const, 'after' as const),
    }),
    { nil: undefined, freq: 5 },
  ),
})

/** A store whose every verb waits for its turn, so that the scheduler decides the order. */
function scheduled(store: Store, scheduler: fc.Scheduler, fault: () => Fault | undefined): Store {
  let calls = 0
  const turn = async <T>(verb: string, call: () => MaybePromise<T>): Promise<T> => {
    await scheduler.schedule(Promise.resolve(), verb)
    calls += 1
    const failing = fault()?.at === calls ? fault() : undefined
    if (failing?.kind === 'before') throw failure(verb, 'not-done')
    const result = await call()
    if (failing?.kind === 'after') throw failure(verb, 'unknown')
    return result
  }
  return {
    name: 'scheduled',
    atomic: true,
    read: (...args) => turn('read', () => store.read(...args)),
    create: (...args) => turn('create', () => store.create(...args)),
    replace: (...args) => turn('replace', () => store.replace(...args)),
    touch: (...args) => turn('touch', () => store.touch(...args)),
    delete: (...args) => turn('delete', () => store.delete(...args)),
  }
}

function failure(operation: string, outcome: 'not-done' | 'unknown'): StoreError {
  return new StoreError('cut', { operation, outcome, retriable: true })
}

test('what requests leave behind is what some order of them would have left', {
  timeout: 600_000,
}, async () => {
  const numRuns = runs(1_000, 3_000)
  await fc.assert(
    fc.asyncProperty(
      fc.array(requestArbitrary, { minLength: 2, maxLength: 4 }),
      // Two keys can be emptied by two requests together.
      fc.boolean(),
      fc.scheduler(),
      async (requests, full, scheduler) => {
        const memory = memoryStore({ now: () => NOW })
        const setup = { now: () => NOW, idle: HOUR }
        const id = await beginning(memory, full)
        // Requests of one process share its queue; those of another have a store of their own that may fail.
        const together = lifeCycle({
          ...setup,
          store: scheduled(memory, scheduler, () => undefined),
        })
        const run = (request: Request): Promise<Result> => {
          if (request.process === 'shared') return serve(memory, together, id, request, () => {})
          let fault: Fault | undefined
          const alone = lifeCycle({ ...setup, store: scheduled(memory, scheduler, () => fault) })
          return serve(memory, alone, id, request, () => {
            fault = request.fault
          })
        }
        const results = await scheduler.waitFor(Promise.all(requests.map(run)))
        const found = {
          old: await stateOf(memory, id),
          fresh: await Promise.all(results.map((result) => stateOf(memory, result.cookie))),
        }
        // A login is never dropped, and without faults no record is left without a cookie.
        for (const { outcome, done } of results)
          expect(outcome === 'gone' && isLogin(done)).toBe(false)
        if (!results.some((result) => result.outcome === 'failed')) {
          const records = [found.old, ...found.fresh].filter((state) => state !== undefined)
          expect(await count(memory)).toBe(records.length)
        }
        const orders = permutations(results.map((_, index) => index))
        const explained = orders.some((order) =>
          explains(id, results, order, found, 0, initial(full), []),
        )
        expect(explained, JSON.stringify({ results, found: plain(found) }, undefined, 1)).toBe(true)
      },
    ),
    { numRuns },
  )
})

async function beginning(store: Store, full: boolean): Promise<string> {
  const sessions = lifeCycle({ store, now: () => NOW, idle: HOUR })
  const session = await sessionOf(sessions)
  for (const [key, value] of initial(full).data) session.set(key, value)
  for (const text of initial(full).flashes) session.flash(text)
  const id = cookieIn(await sessions.commit(session)) as string
  // Half way through its idle time, so that a request that only reads moves the deadline.
  const { version } = (await store.read(keyIn(id))) ?? {}
  await store.touch(keyIn(id), NOW + HOUR / 2, version)
  return id
}

async function serve(
  store: Store,
  sessions: ReturnType<typeof lifeCycle>,
  id: string,
  request: Request,
  arm: () => void,
): Promise<Result> {
  const session = await sessionOf(sessions, id)
  const isStored = (await store.read(keyIn(id))) !== undefined
  const began = !session.isNew ? 'with the record' : isStored ? 'superseded' : 'new'
  const done = request.ops.flatMap((op) => perform(session, op))
  const isLost = request.process === 'own' && request.fault?.kind === 'after'
  arm()
  try {
    const commit = await sessions.commit(session)
    const given = cookieIn(commit)
    return {
      done,
      began,
      outcome: commit.outcome === 'gone' ? 'gone' : 'kept',
      cookie: given === id ? undefined : given,
      isLost,
    }
  } catch (error) {
    expect(error).toBeInstanceOf(StoreError)
    return { done, began, outcome: 'failed', cookie: undefined, isLost }
  }
}

interface Found {
  readonly old: State | undefined
  readonly fresh: readonly (State | undefined)[]
}

/** Whether this order of the requests leaves what was found. A failed request counts in full or not at all, never twice. */
function explains(
  cookie: string,
  results: readonly Result[],
  order: readonly number[],
  found: Found,
  at: number,
  old: State | undefined,
  fresh: readonly (State | undefined)[],
): boolean {
  const index = order[at]
  if (index === undefined) {
    return (
      isDeepStrictEqual(old, found.old) &&
      results.every((_, i) => isDeepStrictEqual(fresh[i], found.fresh[i]))
    )
  }
  const result = results[index] as Result
  const next = (state: State | undefined, given?: State, ended = false): boolean => {
    const after = ended
      ? // The end of a session ends what it has become, whatever its cookie is by then.
        fresh.map((one, i) => (isRotated(cookie, results[i]?.cookie) ? undefined : one))
      : [...fresh]
    after[index] = result.outcome === 'kept' ? given : undefined
    return explains(cookie, results, order, found, at + 1, state, after)
  }
  const whole = (): boolean => {
    if (result.began !== 'with the record') {
      const effect = effectOf(result.done, undefined, result.began === 'superseded')
      return next(effect.ended ? undefined : old, effect.fresh, effect.ended)
    }
    if (result.done.length === 0) return next(old)
    if (old === undefined) {
      const effect = effectOf(result.done, blank())
      const isNothing = effect.old === undefined && effect.fresh === undefined
      // A deletion with a lost reply is not told apart from that of another request, and comes to the same.
      if (!effect.ended && !isLogin(result.done)) {
        return result.isLost && isNothing && next(undefined)
      }
      return next(undefined, effect.fresh ?? effect.old, effect.ended)
    }
    const effect = effectOf(result.done, old)
    return next(effect.old, effect.fresh, effect.ended)
  }
  switch (result.outcome) {
    case 'kept':
      return whole()
    case 'gone':
      return next(old)
    case 'failed':
      return next(old) || whole()
  }
}

/** Whether a cookie is of the same session as `cookie`, with another verifier. */
function isRotated(cookie: string, other: string | undefined): boolean {
  return other !== undefined && keyIn(other) === keyIn(cookie)
}

function initial(full: boolean): State {
  const data = new Map<string, unknown>([
    ['a', 1],
    ['n', 10],
  ])
  if (full) for (const key of ['list', 'nested']) data.set(key, [0])
  return { data, flashes: full ? ['m0'] : [], user: undefined }
}

async function stateOf(store: Store, id: string | undefined): Promise<State | undefined> {
  if (id === undefined) return undefined
  const sessions = lifeCycle({ store, now: () => NOW })
  const session = await sessionOf(sessions, id)
  if (session.isNew) return undefined
  const data = new Map<string, unknown>([...session.entries()].sort(([a], [b]) => (a < b ? -1 : 1)))
  return { data, flashes: session.flashes().map((flash) => flash.message), user: session.user }
}

async function count(store: Store): Promise<number> {
  let records = 0
  for await (const _ of store.list?.() ?? []) records += 1
  return records
}

function permutations(items: readonly number[]): number[][] {
  if (items.length < 2) return [[...items]]
  return items.flatMap((item) =>
    permutations(items.filter((other) => other !== item)).map((rest) => [item, ...rest]),
  )
}

function plain(found: Found): unknown {
  const show = (state: State | undefined): unknown => state && { ...state, data: [...state.data] }
  return { old: show(found.old), fresh: found.fresh.map(show) }
}
