/** One timer for all that waits. */

import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { Deadline } from '../../src/core/time-limit.ts'
import { type Wait, Watch } from '../../src/core/watch.ts'

const never = (): Promise<never> => new Promise(() => {})
const waiting = (deadline: Deadline, verb: 'read' | 'replace' = 'read'): Promise<unknown> =>
  Promise.resolve(deadline.run(verb, never, (answer) => answer))

describe('a watch', () => {
  beforeEach(() => {
    vi.useFakeTimers()
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  test('ends each wait at its own time, whatever the order in which they began', async () => {
    const watch = new Watch()
    const ended: string[] = []
    const begin = (name: string, length: number): void => {
      waiting(new Deadline(watch, length)).catch(() => ended.push(name))
    }
    begin('300', 300)
    begin('100', 100)
    begin('200', 200)
    await vi.advanceTimersByTimeAsync(99)
    expect(ended).toEqual([])
    await vi.advanceTimersByTimeAsync(2)
    expect(ended).toEqual(['100'])
    begin('150 more', 150)
    await vi.advanceTimersByTimeAsync(100)
    expect(ended).toEqual(['100', '200'])
    await vi.advanceTimersByTimeAsync(100)
    expect(ended).toEqual(['100', '200', '150 more', '300'])
  })

  test('all verbs of one deadline end with it', async () => {
    const deadline = new Deadline(new Watch(), 100)
    await vi.advanceTimersByTimeAsync(60)
    const failed = vi.fn()
    waiting(deadline, 'replace').catch(failed)
    await vi.advanceTimersByTimeAsync(39)
    expect(failed).not.toHaveBeenCalled()
    await vi.advanceTimersByTimeAsync(2)
    expect(failed).toHaveBeenCalledOnce()
  })

  test('uses one timer, however many wait', () => {
    const watch = new Watch()
    for (let n = 0; n < 1000; n++) void waiting(new Deadline(watch, 1000)).catch(() => {})
    expect(vi.getTimerCount()).toBe(1)
  })

  test('waits longer than a timer can', async () => {
    const failed = vi.fn()
    const days = 86_400_000
    void waiting(new Deadline(new Watch(), 40 * days)).catch(failed)
    await vi.advanceTimersByTimeAsync(39 * days)
    expect(failed).not.toHaveBeenCalled()
    await vi.advanceTimersByTimeAsync(2 * days)
    expect(failed).toHaveBeenCalledOnce()
  })

  test('tells each wait once, at its end, unless it was removed, whichever come and go', () => {
    const steps = fc.array(
      fc.oneof(
        fc.record({ do: fc.constant('add' as const), length: fc.integer({ min: 1, max: 50 }) }),
        fc.record({ do: fc.constant('remove' as const), which: fc.nat() }),
        fc.record({ do: fc.constant('pass' as const), ms: fc.integer({ min: 1, max: 30 }) }),
      ),
      { maxLength: 40 },
    )
    fc.assert(
      fc.property(steps, (steps) => {
        const watch = new Watch()
        const told: number[] = []
        const waits: { readonly wait: Wait; removed: boolean }[] = []
        const due = (): number[] =>
          waits.flatMap(({ wait, removed }, n) =>
            !removed && wait.end <= performance.now() ? [n] : [],
          )
        for (const step of steps) {
          if (step.do === 'pass') vi.advanceTimersByTime(step.ms)
          else if (step.do === 'add') {
            const number = waits.length
            const end = performance.now() + step.length
            const wait = { end, place: -1, over: () => void told.push(number) }
            waits.push({ wait, removed: false })
            watch.add(wait)
          } else {
            const one = waits[step.which % Math.max(1, waits.length)]
            if (one === undefined) continue
            // One that was told already is not there any more.
            if (one.wait.end > performance.now()) one.removed = true
            watch.remove(one.wait)
          }
          expect([...told].sort((a, b) => a - b)).toEqual(due())
        }
        vi.advanceTimersByTime(60)
        expect([...told].sort((a, b) => a - b)).toEqual(due())
        expect(vi.getTimerCount()).toBe(0)
      }),
      { numRuns: 1_000 },
    )
  })

  test('the signal is aborted when the time is over, for whoever asks then, too', async () => {
    const watch = new Watch()
    const seen: { readonly signal?: AbortSignal }[] = []
    const read = new Deadline(watch, 50).run(
      'read',
      (options) => {
        seen.push(options)
        return never()
      },
      (answer) => answer,
    )
    const failed = Promise.resolve(read).catch((error: unknown) => error)
    await vi.advanceTimersByTimeAsync(51)
    expect(await failed).toMatchObject({
      code: 'ERR_VIAL_STORE',
      outcome: 'not-done',
      retriable: true,
    })
    expect(seen[0]?.signal?.aborted).toBe(true)
  })

  test('a late answer of one verb does not end the wait for the next one', async () => {
    const deadline = new Deadline(new Watch(), 50)
    let answer = (): void => {}
    const late = new Promise<void>((resolve) => {
      answer = resolve
    })
    const failed = vi.fn()
    void Promise.resolve(
      deadline.run(
        'replace',
        () => late,
        () => {},
      ),
    ).catch(failed)
    await vi.advanceTimersByTimeAsync(51)
    expect(failed).toHaveBeenCalledOnce()
    // To clean up, as a login does that failed.
    const cleaning = vi.fn()
    void waiting(deadline).catch(cleaning)
    answer()
    await vi.advanceTimersByTimeAsync(10)
    expect(cleaning).toHaveBeenCalledOnce()
  })
})

test('keeps a program alive while it waits, and not a moment longer', () => {
  const from = (path: string): string => fileURLToPath(new URL(path, import.meta.url))
  const program = `
    import { Deadline } from ${JSON.stringify(from('../../src/core/time-limit.ts'))}
    import { Watch } from ${JSON.stringify(from('../../src/core/watch.ts'))}
    const watch = new Watch()
    const next = (answer) => answer
    await new Deadline(watch, 60_000).run('read', async () => 'answered', next)
    await new Deadline(watch, 50).run('read', () => new Promise(() => {}), next).catch(({ code }) => console.log(code))
  `
  const output = execFileSync(
    process.execPath,
    ['--import', 'tsx', '--input-type=module', '--eval', program],
    { encoding: 'utf8', timeout: 20_000 },
  )
  expect(output.trim()).toBe('ERR_VIAL_STORE')
})
