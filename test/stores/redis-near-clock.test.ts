/** A near cache that relies on an answer for too long, found with a clock and a connection that the test moves. */

import type { AsyncStore } from 'vial'
import { memoryStore } from 'vial/stores/memory'
import { describe, expect, test, vi } from 'vitest'
import { nearStore } from '../../src/stores/redis/near-cache/store.ts'
import type { Track, TrackingListener } from '../../src/stores/redis/near-cache/tracking.ts'
import { bytes, content } from '../support/bytes.ts'
import { PATIENCE } from '../support/patience.ts'
import { held, isHeld } from './redis-near.ts'

interface Question {
  answer(): void
  fail(error: Error): void
}

/** A store that never answers at once, and gives each reader bytes of its own, as a client does. */
function serverStore(): AsyncStore {
  const store = memoryStore()
  return {
    ...store,
    async read(id, options) {
      const record = await store.read(id, options)
      return record && { ...record, version: new Uint8Array(record.bytes) }
    },
    create: async (...args) => store.create(...args),
    replace: async (...args) => store.replace(...args),
    touch: async (...args) => store.touch(...args),
    delete: async (...args) => store.delete(...args),
  }
}

/** A connection that does what the test says. */
function made(maxStale = 2_000, store: AsyncStore = serverStore()) {
  const place = {
    clock: 1_000,
    now: 1_000_000,
    reports: [] as unknown[],
    /** Every one that was opened. */
    connections: [] as { readonly listener: TrackingListener; ended: boolean }[],
    /** Answered by themselves while absent. */
    questions: undefined as Question[] | undefined,
    asked: 0,
  }
  const track: Track = (listener) => {
    const connection = { listener, ended: false }
    place.connections.push(connection)
    return {
      start: () => Promise.resolve(),
      async confirm() {
        place.asked++
        const { questions } = place
        if (questions === undefined) return
        await new Promise<void>((answer, fail) => questions.push({ answer, fail }))
      },
      end: () => {
        connection.ended = true
      },
    }
  }
  const onError = (error: unknown) => void place.reports.push(error)
  const bounds = { maxEntries: 10_000, maxBytes: 2 ** 25, maxStale }
  const settings = { ...bounds, prefix: 'p:', now: () => place.now, onError }
  const near = nearStore(store, track, settings, () => place.clock)
  return { store, near, place }
}

const FOREVER = 9e15

describe('a record is served', () => {
  test('until maxStale after the last answered question', async () => {
    const { near, place } = made(60_000)
    await near.create('id', bytes('x'), FOREVER)
    await held(near, 'id')
    place.clock += 59_999
    expect(await isHeld(near, 'id')).toBe(true)
    place.clock += 1
    expect(await isHeld(near, 'id')).toBe(false)
  })

  test('for no longer when an answer takes its time', async () => {
    const { near, place } = made(60_000)
    const questions: Question[] = []
    place.questions = questions
    await near.create('id', bytes('x'), FOREVER)
    await near.read('id')
    await vi.waitFor(() => expect(questions).toHaveLength(1), PATIENCE)
    place.clock += 59_000
    expect(await isHeld(near, 'id')).toBe(false)
    questions[0]?.answer()
    await vi.waitFor(async () => expect(await isHeld(near, 'id')).toBe(true), PATIENCE)
    place.clock += 999
    expect(await isHeld(near, 'id')).toBe(true)
    place.clock += 1
    expect(await isHeld(near, 'id')).toBe(false)
  })

  test('to its end as the server reported it, counted from before the request', async () => {
    const inner = serverStore()
    const { near, place } = made(2_000, {
      ...inner,
      async read(id, options) {
        const record = await inner.read(id, options)
        // The reply takes 40 ms; what is left is counted when it comes.
        place.now += 40
        return record && { ...record, expiresAt: place.now + 100 }
      },
    })
    await near.create('id', bytes('x'), FOREVER)
    await held(near, 'id')
    const { expiresAt = 0 } = (await near.read('id', { expiry: true })) ?? {}
    expect(expiresAt).toBe(place.now + 60)
    place.now = expiresAt - 1
    expect((await near.read('id'))?.expiresAt).toBe(expiresAt)
    place.now = expiresAt
    expect((await near.read('id'))?.expiresAt).not.toBe(expiresAt)
  })

  test('as it was, whatever became of the arrays that were given out', async () => {
    const { near } = made()
    await near.create('id', bytes('right'), FOREVER)
    await held(near, 'id')
    for (let turn = 0; turn < 3; turn++) {
      const record = await near.read('id')
      expect(content(record)).toBe('right')
      record?.bytes.fill(0)
      // Nor does that make the next write a conflict.
      expect(record?.version).toEqual(bytes('right'))
    }
  })
})

test('a fresh read asks the server, whatever is held, and what it brings is held', async () => {
  const { store, near } = made()
  await near.create('id', bytes('old'), FOREVER)
  await held(near, 'id')
  // Another process writes, and the server has not reported it yet.
  await store.delete('id')
  await store.create('id', bytes('new'), FOREVER)
  expect(content(await near.read('id'))).toBe('old')
  expect(content(await near.read('id', { fresh: true }))).toBe('new')
  expect(content(await near.read('id'))).toBe('new')
  expect(await isHeld(near, 'id')).toBe(true)
})

test('an empty one asks no more, and one that holds something goes on', async () => {
  const [idle, busy] = [made(50), made(50)]
  for (const { near } of [idle, busy]) {
    await near.create('id', bytes('x'), FOREVER)
    await held(near, 'id')
  }
  await idle.near.delete('id')
  const later = async (questions: number) => {
    const before = busy.place.asked
    await vi.waitFor(() => expect(busy.place.asked).toBeGreaterThan(before + questions), PATIENCE)
  }
  await later(3)
  const before = idle.place.asked
  await later(6)
  expect(idle.place.asked).toBe(before)
  await idle.near.create('id', bytes('x'), FOREVER)
  await held(idle.near, 'id')
  await vi.waitFor(() => expect(idle.place.asked).toBeGreaterThan(before + 1), PATIENCE)
  for (const { near } of [idle, busy]) await near.close?.()
})

test('one that fails is ended, reported once, and tried again after a longer pause each time, until it works', async () => {
  const { near, place } = made()
  place.questions = []
  const pauses: number[] = []
  for (let turn = 1; turn <= 9; turn++) {
    const start = place.clock
    while (place.connections.length < turn) {
      await near.read('id')
      if (place.connections.length < turn) place.clock += 50
    }
    pauses.push(place.clock - start)
    await vi.waitFor(() => expect(place.questions).toHaveLength(1), PATIENCE)
    place.questions.shift()?.fail(new Error('The client is closed'))
    await vi.waitFor(
      () => expect(place.connections.every(({ ended }) => ended)).toBe(true),
      PATIENCE,
    )
  }
  expect(pauses).toEqual([0, 250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000])
  expect(place.reports).toHaveLength(1)
  place.questions = undefined
  place.clock += 30_000
  await near.create('id', bytes('x'), FOREVER)
  await held(near, 'id')
  place.connections.at(-1)?.listener.onLost(new Error('again'))
  expect(place.reports).toHaveLength(2)
  place.clock += 250
  await held(near, 'id')
  // What an older connection says late ends nothing.
  place.connections[0]?.listener.onLost(new Error('late'))
  expect(await isHeld(near, 'id')).toBe(true)
  await near.close?.()
  expect(place.connections.every(({ ended }) => ended)).toBe(true)
})
