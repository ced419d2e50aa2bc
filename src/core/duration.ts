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

/** Gives the milliseconds. @throws {ConfigError} Naming the option, unless it is a positive, finite length of time. */
export function milliseconds(duration: Duration, option: string): number {
  const [, count, unit = ''] = /^(\d+(?:\.\d+)?)(ms|s|m|h|d|w)$/.exec(String(duration)) ?? []
  const length = typeof duration === 'number' ? duration : Number(count) * (UNITS[unit] ?? 0)
  if (Number.isFinite(length) && length > 0) return length
  throw new ConfigError(
    `${option}: ${JSON.stringify(duration)} is not a duration. Give positive milliseconds or a text such as '30m', '12h', '31d'.`,
  )
}
