/**
 * A store around another one that records the calls and, as real stores do, can hold writes back or fail.
 *
 * @module
 */

import type { MaybePromise, Store } from '../core/store.ts'
import { StoreError } from '../errors.ts'
import { gate } from './runner.ts'

/** A store under observation. */
export interface StoreSpy {
  readonly store: Store
  /** The verbs that were called, in order. */
  readonly calls: string[]
  /** Holds back the writes that begin from now on, until the result is called. */
  hold(): () => void
  /** Lets all reads or all writes fail before they do anything. */
  fail(verbs: 'reads' | 'writes' | 'none'): void
  /** Resolves when `count` writes more have begun; default 1. */
  writing(count?: number): Promise<void>
  /** Resolves when no write is under way. */
  idle(): Promise<void>
}

/** Makes a spy on a store. */
export function spyOn(inner: Store): StoreSpy {
  const calls: string[] = []
  const underWay = new Set<Promise<unknown>>()
  const waiting: { readonly last: number; readonly open: () => void }[] = []
  let begun = 0
  let held: Promise<void> | undefined
  let failing = 'none'

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
    underWay.add(done)
    const end = (): unknown => underWay.delete(done)
    done.then(end, end)
    begun++
    for (const { last, open } of waiting) if (last === begun) open()
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
    calls,
    hold() {
      const { opened, open } = gate()
      held = opened
      return open
    },
    fail(verbs) {
      failing = verbs
    },
    writing(count = 1) {
      const { opened, open } = gate()
      waiting.push({ last: begun + count, open })
      return opened
    },
    async idle() {
      await Promise.allSettled(underWay)
    },
  }
}
