/** How long the core waits for a store. */

import { execFileSync, spawn } from 'node:child_process'
import { connect } from 'node:net'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { StoreError } from 'vial'
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest'
import { RequestTimers, SharedTimer, TimeLimit } from '../../src/core/time-limit.ts'

const never = (): Promise<never> => new Promise(() => {})
const waiting = (limit: TimeLimit, verb: 'read' | 'replace' = 'read'): Promise<unknown> =>
  Promise.resolve(limit.call(verb, never))

describe.each([
  ['one timer for all waits', () => new SharedTimer()],
  ['a timer for each wait', () => new RequestTimers()],
])('%s', (_, make) => {
  beforeEach(() => {
    vi.useFakeTimers()
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  test('ends each wait at its own time, whatever the order in which they began', async () => {
    const timer = make()
    const ended: string[] = []
    const begin = (name: string, length: number): void => {
      waiting(new TimeLimit(timer, length)).catch(() => ended.push(name))
    }
    begin('300', 300)
    begin('100', 100)
    begin('200', 200)
    await vi.advanceTimersByTimeAsync(99)
    expect(ended).toEqual([])
    await vi.advanceTimersByTimeAsync(2)
    expect(ended).toEqual(['100'])
    begin('150 more', 150)
    await vi.advanceTimersByTimeAsync(101)
    expect(ended).toEqual(['100', '200'])
    await vi.advanceTimersByTimeAsync(100)
    expect(ended).toEqual(['100', '200', '150 more', '300'])
  })

  test('all verbs of one limit end with it', async () => {
    const limit = new TimeLimit(make(), 100)
    await vi.advanceTimersByTimeAsync(60)
    const failed = vi.fn()
    waiting(limit, 'replace').catch(failed)
    await vi.advanceTimersByTimeAsync(39)
    expect(failed).not.toHaveBeenCalled()
    await vi.advanceTimersByTimeAsync(2)
    expect(failed).toHaveBeenCalledOnce()
  })

  test('the signal is aborted when the time is over, also one that is first read then', async () => {
    const seen: { readonly signal?: AbortSignal; readonly aborted?: boolean | undefined }[] = []
    const read = new TimeLimit(make(), 50).call('read', (options) => {
      seen.push(options)
      return never()
    })
    const failed = Promise.resolve(read).catch((error: unknown) => error)
    await vi.advanceTimersByTimeAsync(51)
    expect(await failed).toMatchObject({
      code: 'ERR_VIAL_STORE',
      outcome: 'not-done',
      retriable: true,
    })
    expect([seen[0]?.aborted, seen[0]?.signal?.aborted]).toEqual([true, true])
  })

  test('a late answer to one verb does not end the wait for the next one', async () => {
    const timer = make()
    let answer = (): void => {}
    const late = new Promise<void>((resolve) => {
      answer = resolve
    })
    const failed = vi.fn()
    const limit = new TimeLimit(timer, 50)
    void Promise.resolve(limit.call('replace', () => late)).catch(failed)
    await vi.advanceTimersByTimeAsync(51)
    expect(failed).toHaveBeenCalledOnce()
    const next = vi.fn()
    void waiting(limit).catch(next)
    answer()
    await vi.advanceTimersByTimeAsync(10)
    expect(next).toHaveBeenCalledOnce()
  })

  test('a write with too little time left is not sent, and is not done', async () => {
    const limit = new TimeLimit(make(), 1_000)
    const send = vi.fn(never)
    await vi.advanceTimersByTimeAsync(996)
    expect(() => limit.call('replace', send)).toThrow(
      expect.objectContaining({ code: 'ERR_VIAL_STORE', outcome: 'not-done', retriable: true }),
    )
    expect(send).not.toHaveBeenCalled()
    void Promise.resolve(limit.call('read', send)).catch(() => {})
    expect(send).toHaveBeenCalledOnce()
    // Of a short limit it is a tenth.
    const short = new TimeLimit(make(), 10)
    await vi.advanceTimersByTimeAsync(8)
    void Promise.resolve(short.call('replace', send)).catch(() => {})
    expect(send).toHaveBeenCalledTimes(2)
  })

  test('waits no timer long for what has ended', async () => {
    const limit = new TimeLimit(make(), 1_000)
    await limit.call('read', async () => 'answer')
    await expect(limit.call('read', async () => Promise.reject(new Error('down')))).rejects.toThrow(
      StoreError,
    )
    vi.advanceTimersByTime(1_001)
    await vi.runAllTimersAsync()
    expect(vi.getTimerCount()).toBe(0)
  })
})

describe('one timer for all waits', () => {
  beforeEach(() => {
    vi.useFakeTimers()
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  test('uses one timer, however many waits there are', () => {
    const timer = new SharedTimer()
    for (let n = 0; n < 1000; n++) void waiting(new TimeLimit(timer, 1000)).catch(() => {})
    expect(vi.getTimerCount()).toBe(1)
  })

  test('waits longer than a timer can', async () => {
    const failed = vi.fn()
    const days = 86_400_000
    void waiting(new TimeLimit(new SharedTimer(), 40 * days)).catch(failed)
    await vi.advanceTimersByTimeAsync(39 * days)
    expect(failed).not.toHaveBeenCalled()
    await vi.advanceTimersByTimeAsync(2 * days)
    expect(failed).toHaveBeenCalledOnce()
  })

  test('ends each wait once, at its end, unless it was removed, whichever come and go', async () => {
    const steps = fc.array(
      fc.oneof(
        fc.record({ do: fc.constant('add' as const), length: fc.integer({ min: 1, max: 50 }) }),
        fc.record({ do: fc.constant('remove' as const), which: fc.nat() }),
        fc.record({ do: fc.constant('pass' as const), ms: fc.integer({ min: 1, max: 30 }) }),
      ),
      { maxLength: 40 },
    )
    const pass = async (ms: number): Promise<void> => {
      await vi.advanceTimersByTimeAsync(ms)
      // The turn that sockets get.
      await vi.advanceTimersByTimeAsync(0)
    }
    await fc.assert(
      fc.asyncProperty(steps, async (steps) => {
        const timer = new SharedTimer()
        const ended: number[] = []
        const waits: { readonly wait: Parameters<SharedTimer['add']>[0]; removed: boolean }[] = []
        /** A timer counts whole milliseconds, so a wait may end one later than asked for. */
        const overdue = (by: number): number[] =>
          waits.flatMap(({ wait, removed }, n) =>
            !removed && wait.endsAt + by <= performance.now() ? [n] : [],
          )
        const check = (): void => {
          expect(overdue(0)).toEqual(expect.arrayContaining(ended))
          expect(ended).toEqual(expect.arrayContaining(overdue(1.5)))
          expect(new Set(ended).size).toBe(ended.length)
        }
        for (const step of steps) {
          if (step.do === 'pass') await pass(step.ms)
          else if (step.do === 'add') {
            const number = waits.length
            const wait = {
              endsAt: performance.now() + step.length,
              place: -1,
              timer: undefined,
              end: () => void ended.push(number),
            }
            waits.push({ wait, removed: false })
            timer.add(wait)
          } else {
            const one = waits[step.which % Math.max(1, waits.length)]
            if (one === undefined) continue
            if (one.wait.place >= 0) one.removed = true
            timer.remove(one.wait)
          }
          check()
        }
        await pass(60)
        check()
        expect(vi.getTimerCount()).toBe(0)
      }),
      { numRuns: 300 },
    )
  })
})

test('an answer that arrived while the event loop was busy counts, although its time is over', async () => {
  // The peer is a process of its own, so that it answers while this one is busy.
  const program = `
    import { createServer } from 'node:net'
    const server = createServer((socket) => socket.on('data', () => socket.end('answer')))
    server.listen(0, '127.0.0.1', () => console.log(server.address().port))
  `
  const peer = spawn(process.execPath, ['--input-type=module', '--eval', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  try {
    const peerPort = await new Promise<number>((resolve) =>
      peer.stdout.once('data', (text) => resolve(Number(String(text)))),
    )
    const socket = connect(peerPort, '127.0.0.1')
    await new Promise((resolve) => socket.once('connect', resolve))
    const answer = new TimeLimit(new SharedTimer(), 300).call(
      'read',
      () =>
        new Promise<string>((resolve) => {
          socket.once('data', (bytes) => resolve(String(bytes)))
          socket.write('question')
        }),
    )
    // The question leaves; then nothing else runs until long after the time is over.
    await new Promise((resolve) => setImmediate(resolve))
    const until = performance.now() + 1_500
    while (performance.now() < until);
    expect(await answer).toBe('answer')
    socket.destroy()
  } finally {
    peer.kill()
  }
})

test('keeps a program alive while it waits, and no longer', () => {
  const limit = fileURLToPath(new URL('../../src/core/time-limit.ts', import.meta.url))
  const program = `
    import { SharedTimer, TimeLimit } from ${JSON.stringify(limit)}
    const timer = new SharedTimer()
    await new TimeLimit(timer, 600_000).call('read', async () => 'answered')
    await new TimeLimit(timer, 50).call('read', () => new Promise(() => {})).catch(({ code }) => console.log(code))
  `
  const output = execFileSync(
    process.execPath,
    ['--import', 'tsx', '--input-type=module', '--eval', program],
    { encoding: 'utf8', timeout: 120_000 },
  )
  expect(output.trim()).toBe('ERR_VIAL_STORE')
})
