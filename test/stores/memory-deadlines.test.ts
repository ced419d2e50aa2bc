import fc from 'fast-check'
import { Deadlines } from 'vial/stores/memory-deadlines'
import { expect, test } from 'vitest'

const due = fc.oneof(fc.nat(20), fc.constant(Number.POSITIVE_INFINITY))
/** A place and when it is due; undefined: it goes. */
const step = fc.tuple(fc.integer({ min: 1, max: 30 }), fc.option(due, { nil: undefined, freq: 3 }))

test('the first is due no later than any other, whatever was added, moved and removed', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100, size: 'max' }), (steps) => {
      const deadlines = new Deadlines()
      const model = new Map<number, number>()
      let places = 0
      for (const [wanted, at] of steps) {
        // Places are handed out one after the other.
        const place = model.has(wanted) || wanted <= places ? wanted : places + 1
        if (at !== undefined) {
          if (model.has(place)) deadlines.move(place, at)
          else deadlines.add(place, at)
          model.set(place, at)
          places = Math.max(places, place)
        } else if (model.delete(place)) {
          deadlines.remove(place)
        }
        const { first } = deadlines
        if (model.size === 0) expect(first).toBeUndefined()
        else expect(model.get(first as number)).toBe(Math.min(...model.values()))
        for (const [other, at] of model) expect(deadlines.of(other)).toBe(at)
      }
      for (const at of [...model.values()].toSorted((a, b) => a - b)) {
        const first = deadlines.first as number
        expect(deadlines.of(first)).toBe(at)
        deadlines.remove(first)
      }
      expect(deadlines.first).toBeUndefined()
    }),
    { numRuns: 200 },
  )
})
