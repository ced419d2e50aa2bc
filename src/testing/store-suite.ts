/**
 * The conformance suite of stores: each numbered sentence of the store contract as cases for any test runner. Give each
 * store a real backend.
 */

import type { Store } from '../core/store.ts'
import { ConfigError } from '../errors.ts'
import type { SuiteTest, SuiteTestContext } from './runner.ts'
import { Client, type StoreCase } from './store-case.ts'
import { contentCases } from './store-cases-content.ts'
import { endingCases } from './store-cases-ending.ts'
import { failingCases } from './store-cases-failing.ts'
import { type ServerTime, type SuiteClock, Timeline } from './timeline.ts'

const storeCases: readonly StoreCase[] = [...contentCases, ...endingCases, ...failingCases]

/** A store with its backend, for one case. The backend holds no record yet, and nothing else uses it. */
export interface StoreFixture {
  readonly store: Store
  /** Makes a second client on the same data. Absent: the one store is used twice. */
  readonly another?: () => Store | Promise<Store>
  /**
   * Lets the backend do the next operation and breaks the connection before the reply arrives, as a TCP proxy can.
   * Absent: those cases are skipped, unless a deviation gives the reason.
   */
  readonly loseNextReply?: () => Promise<void> | void
  /**
   * Writes a record as another program does that uses the same backend without this store. Absent: that case is
   * skipped, unless a deviation gives the reason.
   */
  readonly foreignWrite?: (id: string, bytes: Uint8Array, expiresAt: number) => Promise<void>
  /** Called at the end, after the `close` of each store. */
  readonly close?: () => Promise<void> | void
}

export interface StoreSuiteOptions {
  /** The runner's function, such as `test` of vitest or of `node:test`. */
  readonly test: SuiteTest
  /** Registers a case that is left out, such as `test.skip`. Absent: `test` registers it with an empty body. */
  readonly skip?: SuiteTest
  /** Added to the name of each case. */
  readonly name?: string
  /** Makes the store, once for each case. Pass the clock to the store, unless its backend has a clock of its own. */
  readonly make: (clock: SuiteClock) => StoreFixture | Promise<StoreFixture>
  /** Makes a store whose backend cannot be reached. Absent: that case is left out by name. */
  readonly makeBroken?: (clock: SuiteClock) => StoreFixture | Promise<StoreFixture>
  /** The `atomic` of the store; default true. False leaves out by name the cases that need compare-and-set. */
  readonly atomic?: boolean
  /** The `resolution` of the store in ms; default 1. */
  readonly resolution?: number
  /** Set it where the backend expires records by its own clock: the cases then wait in real time. */
  readonly serverTime?: ServerTime
  /** The largest record in bytes, where the store has a limit; a case tries one byte more. Absent: 1 MiB must fit. */
  readonly maxBytes?: number
  /** How many records the largest case keeps at once; default 1,000. */
  readonly ids?: number
  /** Why a sentence is not kept, by its number (`L1`) or by the name of a case. These cases are left out by name. */
  readonly deviations?: Readonly<Record<string, string>>
}

/** A numbered sentence of the store contract and the cases that check it. */
export interface StoreSentence {
  /** Such as `R1`. */
  readonly number: string
  /** The promise in short. */
  readonly title: string
  /** The names of all its cases; the first is the sentence itself. */
  readonly cases: readonly string[]
}

/** Lists the sentences of the contract in order, such as for a table of which store keeps which. */
export function storeSentences(): readonly StoreSentence[] {
  return numbersOf(storeCases).map((number) => {
    const cases = storeCases.map(({ name }) => name).filter((name) => name.startsWith(number))
    return { number, title: cases[0]?.slice(number.length + 1) ?? '', cases }
  })
}

function numbersOf(cases: readonly StoreCase[]): readonly string[] {
  return [...new Set(cases.map(({ name }) => name.slice(0, 2)))]
}

function startsWith(name: string, start: string): boolean {
  return name === start || name.startsWith(`${start} `)
}

/**
 * Registers the cases with a test runner; the name of each begins with the number of its sentence.
 *
 * @throws {ConfigError} When a deviation names no case or an option cannot be.
 */
export function storeSuite(options: StoreSuiteOptions): void {
  const { test, skip = test, name: label, deviations = {}, maxBytes = Infinity } = options
  if (!((options.resolution ?? 1) >= 1)) {
    throw new ConfigError('storeSuite: resolution is in ms, from 1.')
  }
  const cases = storeCases.filter(({ needs }) => needs !== 'limit' || maxBytes < Infinity)
  for (const start of Object.keys(deviations)) {
    if (cases.some((one) => startsWith(one.name, start))) continue
    const numbers = numbersOf(cases).join(', ')
    throw new ConfigError(
      `deviations: no case starts with ${JSON.stringify(start)}. The names begin with ${numbers}.`,
    )
  }
  for (const one of cases) {
    const { name } = one
    const full = label === undefined ? name : `${name} [${label}]`
    const deviation = Object.keys(deviations).find((start) => startsWith(name, start))
    const reason = deviation === undefined ? unfit(one, options) : deviations[deviation]
    // A rest parameter, because some runners wait for a callback when a function declares parameters.
    if (reason === undefined) test(full, (...[context]) => run(one, options, context))
    else skip(`${full} (skipped: ${reason})`, async () => undefined)
  }
}

/** Returns the reason to leave out a case that no deviation names. Undefined: the case runs. */
function unfit(
  { needs }: StoreCase,
  { atomic, makeBroken }: StoreSuiteOptions,
): string | undefined {
  if (needs === 'atomic' && atomic === false) return 'the store cannot compare and set'
  if (needs === 'broken' && makeBroken === undefined) return 'no makeBroken was given'
  return undefined
}

async function run(
  { needs, run }: StoreCase,
  options: StoreSuiteOptions,
  context: SuiteTestContext | undefined,
): Promise<void> {
  const { make, makeBroken = make, atomic = true, maxBytes = Infinity, ids = 1_000 } = options
  const clock = new Timeline(options.resolution ?? 1, options.serverTime)
  const fixture = await (needs === 'broken' ? makeBroken : make)({ now: clock.now })
  const stores = [fixture.store]
  try {
    if ((needs === 'loseNextReply' || needs === 'foreignWrite') && !fixture[needs]) {
      context?.skip?.(`the fixture has no ${needs}`)
      return
    }
    if (fixture.another !== undefined) stores.push(await fixture.another())
    const [store, other = store] = stores.map((raw) => new Client(raw, clock)) as [Client, Client?]
    await run({
      ...{ store, other, clock, atomic, maxBytes, ids },
      loseNextReply: async () => fixture.loseNextReply?.(),
      foreignWrite: async (...record) => fixture.foreignWrite?.(...record),
    })
  } finally {
    for (const store of stores) await store.close?.()
    await fixture.close?.()
  }
}
