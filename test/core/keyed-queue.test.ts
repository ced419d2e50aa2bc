/** Commits of one key that overlap, lose what the one before left, or wait for those of another key. */

import fc from 'fast-check'
import { expect, onTestFinished, test, vi } from 'vitest'
import { KeyedQueue, type Result } from '../../src/core/backing/keyed-queue.ts'
import { SharedTimer, TimeLimit } from '../../src/core/time-limit.ts'

type Step =
  | { readonly do: 'run'; readonly key: number }
  | { readonly do: 'end'; readonly which: number; readonly fails: boolean }

interface Running {
  readonly key: string
  readonly end: (fails: boolean) => void
}

const steps = fc.array(
  fc.oneof(
    fc.record({ do: fc.constant('run' as const), key: fc.integer({ min: 0, max: 3 }) }),
    fc.record({ do: fc.constant('end' as const), which: fc.nat(), fails: fc.boolean() }),
  ),
  { maxLength: 40 },
) satisfies fc.Arbitrary<Step[]>

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

test('tasks of one key run one by one in their order, each with what the one before left, and wait for no other key', async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (steps) => {
      const queue = new KeyedQueue<number>()
      const limit = new TimeLimit(new SharedTimer(), 60_000)
      const running: Running[] = []
      /** The tasks of each key that have not ended, in the order in which they were given. */
      const waiting = new Map<string, number[]>()
      /** What the next task of each key is to be given. */
      const left = new Map<string, number | undefined>()
      const all: Promise<unknown>[] = []
      let numbers = 0

      const run = (key: string): void => {
        const number = ++numbers
        if ((waiting.get(key) ?? []).length === 0) left.delete(key)
        waiting.set(key, [...(waiting.get(key) ?? []), number])
        const task = (known: number | undefined): Promise<Result<number>> => {
          expect(waiting.get(key)?.[0]).toBe(number)
          expect(running.some((one) => one.key === key)).toBe(false)
          expect(known).toBe(left.get(key))
          return new Promise((resolve, reject) => {
            const one: Running = {
              key,
              end: (fails) => {
                running.splice(running.indexOf(one), 1)
                waiting.get(key)?.shift()
                left.set(key, fails ? undefined : number)
                if (fails) reject(new Error('failed'))
                else resolve({ known: number })
              },
            }
            running.push(one)
          })
        }
        all.push(queue.run(key, limit, task).catch((error: unknown) => error))
      }

      for (const step of steps) {
        if (step.do === 'run') run(`key ${step.key}`)
        else running[step.which % Math.max(1, running.length)]?.end(step.fails)
        await settle()
        const first = [...waiting].filter(([, numbers]) => numbers.length > 0).map(([key]) => key)
        expect(running.map((one) => one.key).sort()).toEqual(first.sort())
      }
      while (running.length > 0) {
        running[0]?.end(false)
        await settle()
      }
      for (const result of await Promise.all(all)) {
        if (result instanceof Error) expect(result.message).toBe('failed')
      }
    }),
    { numRuns: 300 },
  )
})

test('a task whose time is over before its turn lets no later one overlap with the one that runs', async () => {
  vi.useFakeTimers()
  onTestFinished(() => {
    vi.useRealTimers()
  })
  const timer = new SharedTimer()
  const queue = new KeyedQueue<number>()
  const log: string[] = []
  let endFirst = (): void => {}
  const first = queue.run('key', new TimeLimit(timer, 60_000), () => {
    log.push('first begins')
    return new Promise<Result<number>>((resolve) => {
      endFirst = () => {
        log.push('first ends')
        resolve({ known: 1 })
      }
    })
  })
  const second = queue
    .run('key', new TimeLimit(timer, 50), async () => ({ known: 2 }))
    .catch((error: unknown) => error)
  const later = ['third', 'fourth'].map((name) =>
    queue.run('key', new TimeLimit(timer, 60_000), async (known) => {
      log.push(`${name} begins after ${known}`)
      return { known: 3 }
    }),
  )
  await vi.advanceTimersByTimeAsync(60)
  expect(await second).toMatchObject({
    code: 'ERR_VIAL_STORE',
    outcome: 'not-done',
    retriable: true,
  })
  const afterwards = queue.run('key', new TimeLimit(timer, 60_000), async (known) => {
    log.push(`fifth begins after ${known}`)
    return { known: 4 }
  })
  await vi.advanceTimersByTimeAsync(1)
  expect(log).toEqual(['first begins'])
  endFirst()
  await Promise.all([first, ...later, afterwards])
  expect(log).toEqual([
    'first begins',
    'first ends',
    'third begins after 1',
    'fourth begins after 3',
    'fifth begins after 3',
  ])
})

test('a wait longer than a timer can be is not over at once', async () => {
  vi.useFakeTimers()
  onTestFinished(() => {
    vi.useRealTimers()
  })
  const queue = new KeyedQueue<number>()
  const limit = (): TimeLimit => new TimeLimit(new SharedTimer(), 40 * 86_400_000)
  let end = (): void => {}
  const first = queue.run('key', limit(), async () => {
    await new Promise<void>((resolve) => {
      end = resolve
    })
    return { known: 1 }
  })
  const second = queue.run('key', limit(), async (known) => ({ known }))
  await vi.advanceTimersByTimeAsync(86_400_000)
  end()
  expect([await first, await second]).toEqual([{ known: 1 }, { known: 1 }])
})
