/** What the conformance suites use of a test runner, the assertions of the store suite, and a gate. */

import type { MaybePromise } from '../core/store.ts'
import { isSessionError } from '../errors.ts'

/** The runner's function, such as `test` of vitest or of `node:test`. */
export type SuiteTest = (name: string, body: SuiteBody) => unknown

/** The body of one test. */
export type SuiteBody = (...context: [SuiteTestContext?]) => Promise<void>

/** The part of a runner's test context that a suite uses. */
export interface SuiteTestContext {
  /** Marks the running test as skipped for a reason; may throw. */
  readonly skip?: (reason: string) => unknown
}

/** Fails with a message. */
export function check(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(message)
}

/** Fails unless both are the same value. */
export function checkSame<T>(actual: T, expected: T, what: string): void {
  const show = (value: unknown): string =>
    typeof value === 'string' ? JSON.stringify(value) : String(value)
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

/** Fails unless it is an error of that `code`. */
export function checkError(error: unknown, code: string, what: string): Error {
  check(
    isSessionError(error) && error.code === code,
    `${what}: expected an error ${code}, got ${String(error)}`,
  )
  return error
}

/** Calls, and resolves to what became of it, also when it throws. The runner limits the wait. */
export async function settle<T>(
  call: () => MaybePromise<T>,
): Promise<PromiseSettledResult<Awaited<T>>> {
  const [result] = await Promise.allSettled([(async () => call())()])
  return result
}

/** Makes a promise, and the function that resolves it. */
export function gate(): { readonly opened: Promise<void>; readonly open: () => void } {
  let open = (): void => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { opened, open }
}
