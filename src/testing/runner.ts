/**
 * Support for the conformance suites: registration with any test runner, clocks, and assertions.
 *
 * @module
 */

import type { MaybePromise } from '../core/store.ts'
import { ConfigError, isSessionError } from '../errors.ts'

/** The runner's function, such as `test` of vitest or of `node:test`. */
export type SuiteTest = (name: string, body: SuiteBody) => unknown

/** The body of one test. */
export type SuiteBody = (...context: [SuiteTestContext?]) => Promise<void>

/** The part of a runner's test context that a suite uses. */
export interface SuiteTestContext {
  /** Marks the running test as skipped for a reason; may throw. */
  readonly skip?: (reason: string) => unknown
}

/** One case of a suite. Its name is the number of its sentence and the title. */
export interface SuiteCase<Context> {
  readonly number: string
  readonly title: string
  readonly run: (context: Context) => Promise<void>
}

export interface SuiteRun<Case> {
  readonly test: SuiteTest
  /** Registers a case that is left out, such as `test.skip`. Absent: `test` registers it with an empty body. */
  readonly skip?: SuiteTest | undefined
  /** Added to the name of each case. */
  readonly label?: string | undefined
  /** Reasons to leave cases out, by the start of their names. */
  readonly deviations: Readonly<Record<string, string>>
  /** Returns the reason to leave out a case that no deviation names. Undefined: the case runs. */
  readonly unfit: (one: Case) => string | undefined
}

/**
 * Registers each case under its name. A case that is left out has the reason in its name.
 *
 * @throws {ConfigError} When a deviation names no case.
 */
export function registerCases<Case extends SuiteCase<never>>(
  cases: readonly Case[],
  { test, skip = test, label, deviations, unfit }: SuiteRun<Case>,
  run: (one: Case, context: SuiteTestContext | undefined) => Promise<void>,
): void {
  const names = cases.map(nameOf)
  for (const start of Object.keys(deviations)) {
    if (names.some((name) => startsWith(name, start))) continue
    throw new ConfigError(
      `deviations: no case starts with ${JSON.stringify(start)}. The names begin with ${[...new Set(cases.map((one) => one.number))].join(', ')}.`,
    )
  }
  for (const one of cases) {
    const name = nameOf(one)
    const full = label === undefined ? name : `${name} [${label}]`
    const deviation = Object.keys(deviations).find((start) => startsWith(name, start))
    const reason = deviation === undefined ? unfit(one) : deviations[deviation]
    // A rest parameter, because some runners wait for a callback when a function declares parameters.
    if (reason === undefined) test(full, (...[context]) => run(one, context))
    else skip(`${full} (skipped: ${reason})`, async () => undefined)
  }
}

function nameOf({ number, title }: SuiteCase<never>): string {
  return `${number} ${title}`
}

function startsWith(name: string, start: string): boolean {
  return name === start || name.startsWith(`${start} `)
}

/** The clock of a suite. */
export interface SuiteClock {
  /** Returns ms since the epoch. Needs no `this`. */
  readonly now: () => number
}

/** A clock on which a suite can wait for an instant. */
export interface Timeline extends SuiteClock {
  /** Tolerance between this clock and the backend's, in ms. */
  readonly slack: number
  /** How much later than asked a record may expire by now, because a backend counts from the arrival of a write. In ms. */
  lateness(): number
  /** The nearest expiry that a case may set, or `factor` times as far. */
  soon(factor?: number): number
  /** Moves a held clock to the last ms before an instant. */
  approach(at: number): void
  /** Whether an instant is certainly in the future. */
  isBefore(at: number): boolean
  /** Resolves when a record with this expiry has ended, also where the store rounded it up. */
  reach(at: number): Promise<void>
}

/** A clock that only the suite moves. It starts in 2033, so a store that reads another clock fails. */
export function heldTime(resolution: number): Timeline {
  let time = 2_000_000_000_123
  return {
    slack: 0,
    now: () => time,
    lateness: () => 0,
    soon: () => time + Math.max(1_000, resolution),
    approach(at) {
      time = at - 1
    },
    isBefore: (at) => time < at,
    async reach(at) {
      time = at + resolution - 1
    },
  }
}

/** The real clock, for a backend that expires records by its own clock. All lengths in ms. */
export function passingTime(resolution: number, shortest: number, slack: number): Timeline {
  const start = Date.now()
  // The writes of a case began after it started and have arrived by now, so none is later than this.
  const lateness = (): number => Date.now() - start
  return {
    slack,
    now: Date.now,
    lateness,
    soon: (factor = 1) => Date.now() + shortest * factor,
    approach() {},
    isBefore: (at) => Date.now() + slack < at,
    async reach(at) {
      const end = at + resolution + slack + lateness()
      while (Date.now() < end) {
        await new Promise((resolve) => setTimeout(resolve, end - Date.now()))
      }
    },
  }
}

/**
 * Runs steps that must be over before an expiry, with a later expiry each time the machine was too slow for them. An
 * error counts only when it came in time.
 */
export async function before(
  clock: Timeline,
  steps: (expiresAt: number) => Promise<void>,
): Promise<number> {
  for (let factor = 1; ; factor *= 2) {
    const expiresAt = clock.soon(factor)
    try {
      await steps(expiresAt)
    } catch (error) {
      if (clock.isBefore(expiresAt)) throw error
    }
    if (clock.isBefore(expiresAt)) return expiresAt
    check(factor < 64, `the steps before an expiry took longer than ${factor} times the shortest`)
  }
}

/** Fails with a message. */
export function check(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(message)
}

/** Fails unless both are the same value. */
export function checkSame<T>(actual: T, expected: T, what: string): void {
  check(Object.is(actual, expected), `${what}: expected ${show(expected)}, got ${show(actual)}`)
}

/** Fails unless the bytes are the same. */
export function checkBytes(
  actual: Uint8Array | undefined,
  expected: Uint8Array,
  what: string,
): void {
  check(actual !== undefined, `${what}: expected ${expected.length} bytes, got no record`)
  check(actual instanceof Uint8Array, `${what}: expected a Uint8Array`)
  checkSame(actual.length, expected.length, `${what}: number of bytes`)
  const at = expected.findIndex((byte, index) => actual[index] !== byte)
  check(at === -1, `${what}: byte ${at} is ${actual[at]} in place of ${expected[at]}`)
}

/** Fails unless the call rejects, or throws, an error of that `code`; resolves to the error. */
export async function checkRejects(
  call: () => unknown,
  code: string,
  what: string,
): Promise<Error> {
  const error = await settle(call)
  check(error instanceof Rejected, `${what}: expected it to reject with ${code}, it resolved`)
  return checkError(error.reason, code, what)
}

/** Fails unless it is an error of that `code`. */
export function checkError(error: unknown, code: string, what: string): Error {
  check(
    isSessionError(error) && error.code === code,
    `${what}: expected an error ${code}, got ${String(error)}`,
  )
  return error
}

/** The result of {@link settle} for a call that rejected, or threw. */
export class Rejected {
  readonly reason: unknown
  constructor(reason: unknown) {
    this.reason = reason
  }
}

/** Calls, and resolves to the result or to a {@link Rejected}. The runner limits the wait. */
export async function settle<T>(call: () => MaybePromise<T>): Promise<T | Rejected> {
  try {
    return await call()
  } catch (reason) {
    return new Rejected(reason)
  }
}

function show(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value) : String(value)
}
