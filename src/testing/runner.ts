/**
 * What a suite needs beside its cases: a runner's `test` as an argument, assertions, and a clock.
 *
 * @module
 */

import type { MaybePromise } from '../core/maybe-promise.ts'
import { ConfigError, isSessionError } from '../errors.ts'

/** The runner's function, such as `test` of vitest or of `node:test`. */
export type SuiteTest = (name: string, body: SuiteBody) => unknown

/** What a suite gives to the runner. */
export type SuiteBody = (...context: [SuiteTestContext?]) => Promise<void>

/** What a runner gives to a test, as far as a suite uses it. */
export interface SuiteTestContext {
  /** Marks the test as skipped for a reason; may throw. */
  readonly skip?: (reason: string) => unknown
}

/** One case of a suite. Its name is the number of the sentence it checks, then the title. */
export interface SuiteCase<Context> {
  readonly number: string
  readonly title: string
  readonly run: (context: Context) => Promise<void>
}

export interface SuiteRun<Case> {
  readonly test: SuiteTest
  /** Takes a case that is left out, such as `test.skip`. Absent: `test` takes it, with nothing to do. */
  readonly skip?: SuiteTest | undefined
  /** Stands behind the name of each case. */
  readonly label?: string | undefined
  /** Reasons to leave cases out, by the start of their names. */
  readonly deviations: Readonly<Record<string, string>>
  /** A reason to leave a case out that the deviations do not give. */
  readonly unfit: (one: Case) => string | undefined
}

/**
 * Registers each case under its name; one that is left out with the reason in its name.
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
    // Some runners give a callback to a function that has parameters, and wait for it.
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

/** Where a suite takes the time from. */
export interface SuiteClock {
  /** Ms since the epoch. Needs no `this`. */
  readonly now: () => number
}

/** A clock that a suite can wait on. */
export interface Timeline extends SuiteClock {
  /** How far an instant that comes back may be off, in ms. */
  readonly slack: number
  /** The nearest deadline that a case may set. */
  soon(): number
  /** Goes to the last moment before an instant, where time can be held. */
  approach(at: number): void
  /** Whether it is before an instant beyond doubt. */
  isBefore(at: number): boolean
  /** Resolves when a deadline has come, also one that was rounded up to the `resolution`. */
  reach(at: number): Promise<void>
}

/** Time stands until the suite moves it; it begins in 2033, so that a store with another clock is found out. */
export function heldTime(resolution: number): Timeline {
  let time = 2_000_000_000_123
  return {
    slack: 0,
    now: () => time,
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

/** Time passes by itself, for a backend that judges deadlines by its own clock. All lengths in ms. */
export function passingTime(resolution: number, shortest: number, slack: number): Timeline {
  return {
    slack,
    now: Date.now,
    soon: () => Date.now() + shortest,
    approach() {},
    isBefore: (at) => Date.now() + slack < at,
    async reach(at) {
      const end = at + resolution + slack
      while (Date.now() < end) {
        await new Promise((resolve) => setTimeout(resolve, end - Date.now()))
      }
    },
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
  const error = await settle(call, what)
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

/** What {@link settle} gives for a call that rejected, or threw. */
export class Rejected {
  readonly reason: unknown
  constructor(reason: unknown) {
    this.reason = reason
  }
}

/** Calls, and waits for whatever comes of it. Fails when nothing does within ten seconds. */
export async function settle<T>(call: () => MaybePromise<T>, what: string): Promise<T | Rejected> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: nothing came of it in 10 s`)), 10_000)
  })
  const called = async () => call()
  const settled = called().catch((reason: unknown) => new Rejected(reason))
  return Promise.race([settled, late]).finally(() => clearTimeout(timer))
}

function show(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value) : String(value)
}
