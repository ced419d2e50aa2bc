import fc from 'fast-check'
import { Deadlines } from 'vial/stores/memory-deadlines'
import { PlaceNumbers } from 'vial/stores/memory-numbers'
import { expect, test } from 'vitest'

const due = fc.oneof(fc.nat(20), fc.constant(Number.POSITIVE_INFINITY))
/** A place and when it is due; undefined: it goes. */
const step = fc.tuple(fc.integer({ min: 1, max: 30 }), fc.option(due, { nil: undefined, freq: 3 }))

/** Those that are due at that time, one after the other, each removed. */
function dueAt(deadlines: Deadlines, time: number): number[] {
  const places: number[] = []
  for (;;) {
    const place = deadlines.look(time)
    if (place === undefined) return places
    if (place === 0) continue
    places.push(place)
    deadlines.remove(place)
  }
}

test('gives exactly those that are due, whatever was added, moved and removed', () => {
  fc.assert(
    fc.property(
      fc.array(fc.tuple(step, fc.option(fc.nat(20), { nil: undefined })), {
        maxLength: 100,
        size: 'max',
      }),
      (steps) => {
        const numbers = new PlaceNumbers()
        const deadlines = new Deadlines(numbers)
        const model = new Map<number, number>()
        const expectDue = (time: number) => {
          const due = [...model].filter(([, at]) => at <= time).map(([place]) => place)
          expect(dueAt(deadlines, time).toSorted((a, b) => a - b)).toEqual(
            due.toSorted((a, b) => a - b),
          )
          for (const place of due) model.delete(place)
        }
        for (const [[place, at], time] of steps) {
          if (at !== undefined) {
            numbers.reach(place)
            if (model.has(place)) deadlines.move(place, at)
            else deadlines.add(place, at)
            model.set(place, at)
          } else if (model.delete(place)) {
            deadlines.remove(place)
          }
          for (const [other, at] of model) expect(deadlines.of(other)).toBe(at)
          if (time !== undefined) expectDue(time)
        }
        expectDue(Number.POSITIVE_INFINITY)
        expect(model.size).toBe(0)
      },
    ),
    { numRuns: 500 },
  )
})

test('what is due first comes first', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(1_000), { minLength: 1, maxLength: 300, size: 'max' }), (dues) => {
      const numbers = new PlaceNumbers()
      const deadlines = new Deadlines(numbers)
      dues.forEach((due, n) => {
        numbers.reach(n + 1)
        deadlines.add(n + 1, due)
      })
      const order = dueAt(deadlines, 1_000).map((place) => dues[place - 1])
      expect(order).toEqual(dues.toSorted((a, b) => a - b))
    }),
  )
})

test('a deadline that moves to a later time costs one look, and no more', () => {
  const numbers = new PlaceNumbers()
  const deadlines = new Deadlines(numbers)
  deadlines.add(1, 10)
  for (let due = 11; due < 1_000; due++) deadlines.move(1, due)
  expect([deadlines.look(10), deadlines.look(10), deadlines.look(998)]).toEqual([
    0,
    undefined,
    undefined,
  ])
  expect(deadlines.look(999)).toBe(1)
})
