/** Commits of one id that overlap, lose what the one before knew, or wait for those of another id. */

import fc from 'fast-check'
import { expect, onTestFinished, test, vi } from 'vitest'
import { type Outcome, Turns } from '../../src/core/keyed-queue.ts'
import { Deadline } from '../../src/core/time-limit.ts'
import { Watch } from '../../src/core/watch.ts'

type Step =
  | { readonly do: 'take'; readonly key: number; readonly atOnce: boolean }
  | { readonly do: 'end'; readonly which: number; readonly fails: boolean }

interface Running {
  readonly key: string
  readonly end: (fails: boolean) => void
}

const key = fc.integer({ min: 0, max: 3 })
const steps = fc.array(
  fc.oneof(
    fc.record({ do: fc.constant('take' as const), key, atOnce: fc.boolean() }),
    fc.record({ do: fc.constant('end' as const), which: fc.nat(), fails: fc.boolean() }),
  ),
  { maxLength: 40 },
) satisfies fc.Arbitrary<Step[]>

/** The ends are alike, so that some of them have one slot of the table. */
const nameOf = (key: number): string => `${key < 3 ? key : ''}-the same end${key < 3 ? '' : key}`

test('turns of one id come one by one in their order, each told what the one before left, and wait for no other id', async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (steps) => {
      const turns = new Turns<number>()
      const deadline = new Deadline(new Watch(), 60_000)
      const running: Running[] = []
      /** What the next turn of each id is told. */
      const expected = new Map<string, (number | undefined)[]>()
      /** The turns of each id that have not ended, in the order in which they were asked for. */
      const waiting = new Map<string, number[]>()
      const all: Promise<unknown>[] = []
      let numbers = 0

      const take = (key: string, atOnce: boolean): void => {
        const number = ++numbers
        const before = waiting.get(key) ?? []
        const doing = (known: number | undefined): Outcome<number> | Promise<Outcome<number>> => {
          // The turn of this one, and of nobody else with this id.
          expect(waiting.get(key)?.[0] ?? number).toBe(number)
          expect(running.some((one) => one.key === key)).toBe(false)
          expect(known).toBe(expected.get(key)?.shift())
          if (atOnce && before.length === 0) return { known: number }
          return new Promise((resolve, reject) => {
            const end = (fails: boolean): void => {
              running.splice(running.indexOf(one), 1)
              waiting.get(key)?.shift()
              expected.set(key, waiting.get(key)?.length === 0 ? [] : [fails ? undefined : number])
              if (fails) reject(new Error('failed'))
              else resolve({ known: number })
            }
            const one = { key, end }
            running.push(one)
          })
        }
        if (!(atOnce && before.length === 0)) waiting.set(key, [...before, number])
        const done = turns.take(key, deadline, doing)
        if (done instanceof Promise) all.push(done.catch(() => {}))
        else expect(done).toEqual({ known: number })
      }

      for (const step of steps) {
        if (step.do === 'take') take(nameOf(step.key), step.atOnce)
        else running[step.which % Math.max(1, running.length)]?.end(step.fails)
        for (let turn = 0; turn < 8; turn++) await Promise.resolve()
        // Whoever is first of his id runs by now.
        const first = [...waiting].filter(([, numbers]) => numbers.length > 0).map(([key]) => key)
        expect(running.map((one) => one.key).sort()).toEqual(first.sort())
      }
      while (running.length > 0) {
        running[0]?.end(false)
        for (let turn = 0; turn < 8; turn++) await Promise.resolve()
      }
      await Promise.all(all)
      expect([...waiting.values()].flat()).toEqual([])
    }),
    { numRuns: 2_000 },
  )
})

test('a turn that waited until its deadline lets the next one wait for the one that still runs', async () => {
  vi.useFakeTimers()
  onTestFinished(() => {
    vi.useRealTimers()
  })
  const turns = new Turns<number>()
  let end = (): void => {}
  const first = turns.take('id', new Deadline(new Watch(), 60_000), () => {
    return new Promise<Outcome<number>>((resolve) => {
      end = () => resolve({ known: 1 })
    })
  })
  const second = turns.take('id', new Deadline(new Watch(), 50), async () => ({ known: 2 }))
  const failed = Promise.resolve(second).catch((error: unknown) => error)
  await vi.advanceTimersByTimeAsync(51)
  expect(await failed).toMatchObject({
    code: 'ERR_VIAL_STORE',
    outcome: 'not-done',
    retriable: true,
  })
  let told: number | undefined
  const third = turns.take('id', new Deadline(new Watch(), 60_000), async (known) => {
    told = known
    return { known: 3 }
  })
  await Promise.resolve()
  expect(told).toBeUndefined()
  end()
  expect(await first).toEqual({ known: 1 })
  expect(await third).toEqual({ known: 3 })
  expect(told).toBe(1)
})
