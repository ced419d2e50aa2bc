/**
 * The conformance suite of stores: each numbered sentence of the store contract, and what follows from it, as cases for
 * any test runner. Give each store a real backend.
 *
 * @module
 */

import type { Store } from '../core/store.ts'
import { ConfigError } from '../errors.ts'
import {
  check,
  heldTime,
  passingTime,
  registerCases,
  type SuiteClock,
  type SuiteTest,
  type Timeline,
} from './runner.ts'
import type { StoreCase } from './store-case.ts'
import { contentCases } from './store-cases-content.ts'
import { endingCases } from './store-cases-ending.ts'
import { lostReplyCases } from './store-cases-lost-reply.ts'
import { replaceCases } from './store-cases-replace.ts'

const storeCases: readonly StoreCase[] = [
  ...contentCases,
  ...replaceCases,
  ...endingCases,
  ...lostReplyCases,
]

/** A store with its backend, for one case. Nobody else uses the backend, and it holds no record yet. */
export interface StoreFixture {
  readonly store: Store
  /** Makes a second client on the same data. Absent: the one store is used twice. */
  readonly another?: () => Store | Promise<Store>
  /**
   * Makes the backend do what the store asks for next, and the connection break before the reply is back; a TCP proxy
   * in between can. Absent: those cases are skipped, unless a deviation gives the reason.
   */
  readonly loseNextReply?: () => Promise<void> | void
  /**
   * Writes a record as another program does that uses the same backend without this store. Absent: that case is
   * skipped, unless a deviation gives the reason.
   */
  readonly foreignWrite?: (id: string, bytes: Uint8Array, expiresAt: number) => Promise<void>
  /** Called at the end, after `close` of the stores themselves. */
  readonly close?: () => Promise<void> | void
}

export interface StoreSuiteOptions {
  /** The runner's function, such as `test` of vitest or of `node:test`. */
  readonly test: SuiteTest
  /** Takes a case that is left out, such as `test.skip`. Absent: `test` takes it, with nothing to do. */
  readonly skip?: SuiteTest
  /** Stands behind the name of each case. */
  readonly name?: string
  /** Makes the store, once for each case. The clock is for the store, unless the backend keeps time itself. */
  readonly make: (clock: SuiteClock) => StoreFixture | Promise<StoreFixture>
  /** Makes a store whose backend cannot be reached. Absent: that case is left out by name. */
  readonly makeBroken?: (clock: SuiteClock) => StoreFixture | Promise<StoreFixture>
  /** What the store says of itself; default true. False leaves out by name what needs compare-and-set. */
  readonly atomic?: boolean
  /** The grain of deadlines that the store says of itself, in ms; default 1. */
  readonly resolution?: number
  /** Given: the backend judges deadlines by its own clock, so the cases wait for real. */
  readonly serverTime?: {
    /** The nearest deadline that a case sets, in ms from now; default 1,000, and never less than twice the `resolution`. */
    readonly shortest?: number
    /** How far the backend's clock and the deadlines that it tells may be off, in ms; default 50. */
    readonly slack?: number
  }
  /** The largest record in bytes, where the store has a limit; one more byte is tried. Absent: 1 MiB has to fit. */
  readonly maxBytes?: number
  /** How many records one case keeps at once; default 1,000. */
  readonly ids?: number
  /** Why a sentence is not kept, by its number (`L1`) or by the name of a case. Such cases are left out by name. */
  readonly deviations?: Readonly<Record<string, string>>
}

/** A numbered sentence of the store contract and the cases that check it. */
export interface StoreSentence {
  /** Such as `R1`. */
  readonly number: string
  /** What the store promises, in short. */
  readonly title: string
  /** The names of all its cases; the first is the sentence itself. */
  readonly cases: readonly string[]
}

/** Lists the sentences of the contract in order, such as for a table of which store keeps which. */
export function storeSentences(): readonly StoreSentence[] {
  return [...new Set(storeCases.map((one) => one.number))].map((number) => {
    const own = storeCases.filter((one) => one.number === number)
    return {
      number,
      title: own[0]?.title ?? '',
      cases: own.map((one) => `${number} ${one.title}`),
    }
  })
}

/**
 * Registers the cases with a test runner; the name of each begins with the number of its sentence.
 *
 * @throws {ConfigError} When a deviation names no case or an option cannot be.
 */
export function storeSuite(options: StoreSuiteOptions): void {
  const { make, makeBroken, atomic = true, resolution = 1, ids = 1_000 } = options
  const { maxBytes = Infinity, deviations = {}, serverTime } = options
  if (!(resolution >= 1)) throw new ConfigError('storeSuite: resolution is in ms, from 1.')

  registerCases(
    storeCases.filter(({ needs }) => needs !== 'limit' || maxBytes < Infinity),
    {
      test: options.test,
      skip: options.skip,
      label: options.name,
      deviations,
      unfit: (one) => {
        if (one.needs === 'atomic' && !atomic) return 'the store cannot compare and set'
        if (one.needs === 'broken' && makeBroken === undefined) return 'no makeBroken was given'
        return undefined
      },
    },
    async (one, context) => {
      const clock = timeline(resolution, serverTime)
      const open = one.needs === 'broken' && makeBroken !== undefined ? makeBroken : make
      const fixture = await open({ now: clock.now })
      const stores = [fixture.store]
      const { loseNextReply, foreignWrite } = fixture
      try {
        if (
          (one.needs === 'loseNextReply' || one.needs === 'foreignWrite') &&
          fixture[one.needs] === undefined
        ) {
          return void context?.skip?.(`the fixture has no ${one.needs}`)
        }
        if (fixture.another !== undefined) stores.push(await fixture.another())
        const [store, other = store] = stores as [Store, Store?]
        await one.run({
          ...{ store, other, clock, atomic, resolution, maxBytes, ids },
          async loseNextReply() {
            check(loseNextReply !== undefined, 'the fixture has no loseNextReply')
            await loseNextReply()
          },
          async foreignWrite(id, bytes, expiresAt) {
            check(foreignWrite !== undefined, 'the fixture has no foreignWrite')
            await foreignWrite(id, bytes, expiresAt)
          },
        })
      } finally {
        for (const store of stores) await store.close?.()
        await fixture.close?.()
      }
    },
  )
}

function timeline(resolution: number, serverTime: StoreSuiteOptions['serverTime']): Timeline {
  if (serverTime === undefined) return heldTime(resolution)
  const { shortest = 1_000, slack = 50 } = serverTime
  return passingTime(resolution, Math.max(shortest, 2 * resolution), slack)
}
