/** How often a property is tried, and how many records a store is given. */

import process from 'node:process'

/**
 * The number of runs of a property, or of records: `few` in the fast lane; where the nightly lane runs at full size, or
 * `VIAL_TEST_RUNS=full` is set, `many`. `VIAL_TEST_RUNS` may also be a number, for a long search by hand.
 */
export function runs(few: number, many: number): number {
  const asked = process.env['VIAL_TEST_RUNS']
  if (asked === undefined || asked === '') return few
  return asked === 'full' ? many : Number(asked)
}
