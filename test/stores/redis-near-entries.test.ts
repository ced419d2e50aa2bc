/** A near cache that holds what was read before a change that was reported, too much, or what its caller can change. */

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  type Asking,
  type NearEntries,
  nearEntries,
} from '../../src/stores/redis/near-cache/entries.ts'

const IDS = ['a', 'b', 'c'] as const
type Id = (typeof IDS)[number]

interface Reading {
  readonly id: Id
  readonly asking: Asking
  /** What the server had when it was asked; undefined: the question is on its way. */
  found?: { readonly version: number; readonly expiresAt: number | undefined }
}

interface Writing {
  readonly id: Id
  readonly done: () => void
}

/** A server, the ways to it and from it, and what is known by now. */
class World {
  readonly entries: NearEntries = nearEntries(2, 12)
  time = 0
  tracked = false
  readonly versions: Record<Id, number> = { a: 0, b: 0, c: 0 }
  readonly ends: Record<Id, number | undefined> = { a: undefined, b: undefined, c: undefined }
  /** What the server has sent and the cache has not received: the id, or nothing for all. */
  sent: { readonly id: Id | undefined; readonly versions: Record<Id, number> }[] = []
  /** Nothing older may be served. */
  readonly known: Record<Id, number> = { a: 0, b: 0, c: 0 }
  readings: Reading[] = []
  writings: Writing[] = []

  read(id: Id): void {
    const entry = this.entries.get(id, this.time)
    if (entry !== undefined) {
      expect(this.tracked).toBe(true)
      expect(this.writings.map((writing) => writing.id)).not.toContain(id)
      expect(new DataView(entry.bytes.buffer).getUint32(0)).toBeGreaterThanOrEqual(this.known[id])
      expect(entry.expiresAt ?? Infinity).toBeGreaterThan(this.time)
      return
    }
    const asking = this.entries.ask(id)
    if (asking !== undefined) this.readings.push({ id, asking })
  }

  /** The server takes up a question; others may have been asked before it. */
  serve(at: number): void {
    const reading = this.readings[at % this.readings.length]
    if (reading === undefined) return
    const { id } = reading
    reading.found ??= { version: this.versions[id], expiresAt: this.ends[id] }
  }

  answer(at: number): void {
    const [reading] = this.readings.splice(at % this.readings.length, 1)
    if (reading === undefined) return
    const { asking, found } = reading
    const bytes = new Uint8Array(4)
    if (found !== undefined) new DataView(bytes.buffer).setUint32(0, found.version)
    this.entries.answer(asking, found && { bytes, expiresAt: found.expiresAt })
  }

  change(id: Id, end: number | undefined): void {
    this.versions[id]++
    this.ends[id] = end === undefined ? undefined : this.time + end
    this.sent.push({ id, versions: { ...this.versions } })
  }

  flush(): void {
    for (const id of IDS) this.versions[id]++
    this.sent.push({ id: undefined, versions: { ...this.versions } })
  }

  receive(): void {
    const next = this.sent.shift()
    if (next === undefined) return
    this.entries.change(next.id)
    this.know(next.id === undefined ? IDS : [next.id], next.versions)
  }

  beginWrite(id: Id): void {
    this.writings.push({ id, done: this.entries.write(id) })
  }

  endWrite(at: number, took: boolean): void {
    const [writing] = this.writings.splice(at % this.writings.length, 1)
    if (writing === undefined) return
    if (took) this.change(writing.id, undefined)
    writing.done()
    this.know([writing.id], this.versions)
  }

  track(on: boolean): void {
    this.tracked = on
    this.sent = []
    this.entries.track(on)
    this.know(IDS, this.versions)
  }

  private know(ids: readonly Id[], versions: Record<Id, number>): void {
    for (const id of ids) this.known[id] = Math.max(this.known[id], versions[id])
  }
}

type Step = (world: World) => void

const id = fc.constantFrom(...IDS)
const at = fc.nat(9)
const steps: fc.Arbitrary<Step> = fc.oneof(
  { weight: 6, arbitrary: id.map((id) => (world: World) => world.read(id)) },
  { weight: 4, arbitrary: at.map((at) => (world: World) => world.serve(at)) },
  { weight: 4, arbitrary: at.map((at) => (world: World) => world.answer(at)) },
  {
    weight: 3,
    arbitrary: fc.tuple(id, fc.option(fc.nat(5), { nil: undefined })).map(
      ([id, end]) =>
        (world: World) =>
          world.change(id, end),
    ),
  },
  { weight: 3, arbitrary: fc.constant((world: World) => world.receive()) },
  { weight: 1, arbitrary: fc.constant((world: World) => world.flush()) },
  { weight: 2, arbitrary: id.map((id) => (world: World) => world.beginWrite(id)) },
  {
    weight: 2,
    arbitrary: fc.tuple(at, fc.boolean()).map(
      ([at, took]) =>
        (world: World) =>
          world.endWrite(at, took),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.nat(3).map((ms) => (world: World) => {
      world.time += ms
    }),
  },
  {
    weight: 1,
    arbitrary: fc.boolean().map((both) => (world: World) => {
      world.track(false)
      if (both) world.track(true)
    }),
  },
)

test('nothing is served that is older than what is known', () => {
  fc.assert(
    fc.property(fc.array(steps, { maxLength: 80, size: 'max' }), (all) => {
      const world = new World()
      world.track(true)
      for (const step of all) {
        step(world)
        expect(world.entries.size).toBeLessThanOrEqual(2)
      }
    }),
    { numRuns: 1_000 },
  )
})

describe('what is held', () => {
  const record = (size: number) => ({
    bytes: new Uint8Array(size).fill(size),
    expiresAt: undefined,
  })
  function put(entries: NearEntries, id: string, size: number): void {
    const asking = entries.ask(id)
    if (asking === undefined) throw new Error('It does not hold answers')
    entries.answer(asking, record(size))
  }
  function made(maxEntries: number, maxBytes: number): NearEntries {
    const entries = nearEntries(maxEntries, maxBytes)
    entries.track(true)
    return entries
  }
  const has = (entries: NearEntries, id: string) => entries.get(id, 0) !== undefined

  test('is no more than so many records; the oldest goes first, but not one that was read since', () => {
    const entries = made(3, 1_000)
    for (const id of ['a', 'b', 'c']) put(entries, id, 1)
    expect(has(entries, 'a')).toBe(true)
    put(entries, 'd', 1)
    expect(['a', 'b', 'c', 'd'].map((id) => has(entries, id))).toEqual([true, false, true, true])
  })

  test('lets the oldest go when all were read since, and never the new one for them', () => {
    const entries = made(3, 1_000)
    const all = ['a', 'b', 'c', 'd', 'e', 'f']
    const held = () => all.filter((id) => has(entries, id))
    for (const id of ['a', 'b', 'c']) put(entries, id, 1)
    expect(held()).toEqual(['a', 'b', 'c'])
    put(entries, 'd', 1)
    put(entries, 'e', 1)
    // A record that was spared was spared once.
    expect(entries.size).toBe(3)
    expect(held()).toEqual(['c', 'd', 'e'])
    put(entries, 'f', 1)
    expect(held()).toContain('f')
  })

  test('lets as many go as a large record needs, whether they were read or not', () => {
    const entries = made(100, 100)
    for (const id of ['a', 'b', 'c', 'd']) put(entries, id, 25)
    for (const id of ['a', 'b', 'c', 'd']) has(entries, id)
    put(entries, 'large', 100)
    expect(entries.size).toBe(1)
    expect(has(entries, 'large')).toBe(true)
  })

  test('is no more than so many bytes, also after records were replaced, changed and ended', () => {
    const entries = made(100, 100)
    for (let turn = 0; turn < 10; turn++) {
      for (const id of ['a', 'b', 'c', 'd']) put(entries, id, 25)
      put(entries, 'a', 25)
      entries.change('b')
      put(entries, 'b', 25)
      const asking = entries.ask('c')
      if (asking !== undefined) entries.answer(asking, { ...record(25), expiresAt: 5 })
      expect(entries.get('c', 5)).toBeUndefined()
      put(entries, 'c', 25)
      expect(entries.size).toBe(4)
    }
    put(entries, 'e', 30)
    expect(entries.size).toBe(3)
    entries.change(undefined)
    for (const id of ['a', 'b', 'c', 'd']) put(entries, id, 25)
    expect(entries.size).toBe(4)
  })

  test('is no record that is too large, and not what it took the place of', () => {
    const entries = made(100, 100)
    put(entries, 'a', 100)
    expect(has(entries, 'a')).toBe(true)
    put(entries, 'a', 10)
    put(entries, 'b', 90)
    put(entries, 'b', 101)
    expect(has(entries, 'b')).toBe(false)
    // Nothing had to go for it.
    expect(has(entries, 'a')).toBe(true)
  })

  test('is a copy of the answer', () => {
    const entries = made(100, 100)
    const answer = record(4)
    const asking = entries.ask('a')
    if (asking !== undefined) entries.answer(asking, answer)
    answer.bytes.fill(0)
    expect(entries.get('a', 0)?.bytes).toEqual(record(4).bytes)
    // Small parts of large arrays keep those.
    expect(entries.get('a', 0)?.bytes.buffer.byteLength).toBe(4)
  })
})
