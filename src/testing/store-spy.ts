/**
 * A store around another one that records the calls and, as real stores do, can hold writes back or fail.
 *
 * @module
 */

import type { MaybePromise, Store } from '../core/store.ts'
import { StoreError } from '../errors.ts'
import { gate } from './runner.ts'

/** A store under observation. */
export type StoreSpy = ReturnType<typeof spyOn>

/** Makes a spy on a store. */
export function spyOn(inner: Store) {
  const calls: string[] = []
  const writes: Promise<unknown>[] = []
  const waiting: { readonly last: number; readonly open: () => void }[] = []
  let held: Promise<void> | undefined
  let failing: 'reads' | 'writes' | 'none' = 'none'

  async function call<T>(
    verbs: 'reads' | 'writes',
    operation: string,
    run: () => MaybePromise<T>,
  ): Promise<T> {
    if (verbs === 'writes') await held
    if (failing !== verbs) return run()
    throw new StoreError('The store is down', { operation, outcome: 'not-done', retriable: true })
  }

  function write<T>(operation: string, run: () => MaybePromise<T>): Promise<T> {
    calls.push(operation)
    const done = call('writes', operation, run)
    writes.push(done)
    for (const { last, open } of waiting) if (last === writes.length) open()
    return done
  }

  const store: Store = {
    name: inner.name,
    atomic: inner.atomic,
    ...(inner.resolution !== undefined && { resolution: inner.resolution }),
    ...(inner.list && { list: inner.list.bind(inner) }),
    read(...args) {
      calls.push('read')
      return call('reads', 'read', () => inner.read(...args))
    },
    create: (...args) => write('create', () => inner.create(...args)),
    replace: (...args) => write('replace', () => inner.replace(...args)),
    touch: (...args) => write('touch', () => inner.touch(...args)),
    delete: (...args) => write('delete', () => inner.delete(...args)),
  }
  return {
    store,
    /** The verbs that were called, in order. */
    calls,
    /** Holds back the writes that begin from now on, until the result is called. */
    hold(): () => void {
      const { opened, open } = gate()
      held = opened
      return open
    },
    /** Lets all reads or all writes fail before they do anything. */
    fail(verbs: typeof failing): void {
      failing = verbs
    },
    /** Resolves when `count` writes more have begun. */
    writing(count = 1): Promise<void> {
      const { opened, open } = gate()
      waiting.push({ last: writes.length + count, open })
      return opened
    },
    /** Resolves when no write is under way. */
    async idle(): Promise<void> {
      await Promise.allSettled(writes)
    },
  }
}
