/**
 * A store around another that counts what it is asked, and can be slow, stand still or fail: as stores are in real life.
 *
 * @module
 */

import type { MaybePromise } from '../core/maybe-promise.ts'
import type { Store } from '../core/store.ts'
import { StoreError } from '../errors.ts'

/** How a {@link watchedStore} behaves; may be changed at any time. */
export interface StoreBehaviour {
  /** How long a write takes, in ms. */
  delay?: number
  /** Writes wait for it. */
  gate?: Promise<void>
  /** Writes fail; nothing is done. */
  failing?: boolean
}

/** What a {@link watchedStore} tells besides. */
export interface Watch {
  readonly store: Store
  readonly behaviour: StoreBehaviour
  /** The verbs that were called, in order. */
  readonly calls: string[]
  /** Resolves when the next write begins. */
  writing(): Promise<void>
  /** Resolves when no write is under way. */
  idle(): Promise<void>
}

/** A promise, and what resolves it. */
export interface Gate {
  readonly opened: Promise<void>
  readonly open: () => void
}

/** Makes a gate that is shut. */
export function gate(): Gate {
  let open = (): void => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { opened, open }
}

/** Puts a watch on a store. */
export function watchedStore(inner: Store, behaviour: StoreBehaviour = {}): Watch {
  const calls: string[] = []
  const underWay = new Set<Promise<unknown>>()
  let waiting: (() => void)[] = []

  async function behave(operation: string): Promise<void> {
    await behaviour.gate
    if (behaviour.delay !== undefined) {
      await new Promise((resolve) => setTimeout(resolve, behaviour.delay))
    }
    if (behaviour.failing === true) {
      throw new StoreError('The store is down', { operation, outcome: 'not-done', retriable: true })
    }
  }

  function write<T>(operation: string, run: () => MaybePromise<T>): Promise<T> {
    calls.push(operation)
    for (const resolve of waiting) resolve()
    waiting = []
    const done = behave(operation).then(run)
    underWay.add(done)
    const left = (): unknown => underWay.delete(done)
    done.then(left, left)
    return done
  }

  const store: Store = {
    name: inner.name,
    atomic: inner.atomic,
    ...(inner.resolution !== undefined && { resolution: inner.resolution }),
    ...(inner.list && { list: inner.list.bind(inner) }),
    read(...args) {
      calls.push('read')
      return inner.read(...args)
    },
    create: (...args) => write('create', () => inner.create(...args)),
    replace: (...args) => write('replace', () => inner.replace(...args)),
    touch: (...args) => write('touch', () => inner.touch(...args)),
    delete: (...args) => write('delete', () => inner.delete(...args)),
  }
  return {
    store,
    behaviour,
    calls,
    writing: () => new Promise((resolve) => waiting.push(resolve)),
    async idle() {
      await Promise.allSettled(underWay)
    },
  }
}
