/**
 * Durations: milliseconds, or a number with a unit.
 *
 * @module
 */

import { ConfigError } from '../errors.ts'

/** Milliseconds, or a number with a unit: `'30m'`, `'12h'`, `'31d'`. */
export type Duration = number | `${number}${'ms' | 's' | 'm' | 'h' | 'd' | 'w'}`

const UNITS: Record<string, number> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
}

/**
 * Gives the milliseconds.
 *
 * @param least The shortest length allowed, in ms.
 * @throws {ConfigError} Naming the option, unless it is a positive, finite length of time of at least `least`.
 */
export function milliseconds(duration: Duration, option: string, least = 0): number {
  const [, count, unit = ''] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d|w)$/.exec(String(duration)) ?? []
  const length = typeof duration === 'number' ? duration : Number(count) * (UNITS[unit] ?? 0)
  const isLength = Number.isFinite(length) && length > 0
  if (isLength && length >= least) return length
  throw new ConfigError(
    isLength
      ? `${option}: ${JSON.stringify(duration)} is less than ${least} ms. A number counts milliseconds; give a unit, such as '30m', '12h', '31d'.`
      : `${option}: ${JSON.stringify(duration)} is not a duration. Give positive milliseconds or a string such as '30m', '12h', '31d'.`,
  )
}
