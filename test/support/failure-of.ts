/** How the tests of a store look at its failures. */

import { StoreError } from 'vial'
import { expect } from 'vitest'

/**
 * The error of a call or promise, which has to be one of the store's.
 *
 * @param bound How long it may take, in ms.
 */
export async function failureOf(
  failing: Promise<unknown> | (() => Promise<unknown>),
  bound = Number.POSITIVE_INFINITY,
): Promise<StoreError> {
  const startedAt = performance.now()
  const error = await (typeof failing === 'function' ? failing() : failing).then(
    (value) => value,
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(StoreError)
  expect(performance.now() - startedAt).toBeLessThan(bound)
  return error as StoreError
}
