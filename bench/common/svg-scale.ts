/** Axes: where a value lies, and which values get a line and a number. */

export type ScaleKind = 'linear' | 'log'

export interface Scale {
  /** The place of a value, in pixels. */
  readonly place: (value: number) => number
  /** The values that get a line and a number, the smallest first. */
  readonly ticks: readonly number[]
}

/**
 * An axis that holds all values and begins and ends at a tick.
 *
 * @param ends The pixels of the smallest and of the largest value.
 * @param many About how many ticks.
 */
export function scaleOf(
  kind: ScaleKind,
  values: readonly number[],
  ends: readonly [number, number],
  many = 6,
): Scale {
  const sound = values.filter((value) => Number.isFinite(value) && (kind === 'linear' || value > 0))
  const least = sound.length === 0 ? 1 : Math.min(...sound)
  const most = sound.length === 0 ? 1 : Math.max(...sound)
  const ticks = kind === 'log' ? logTicks(least, most, many) : linearTicks(least, most, many)
  const measure = kind === 'log' ? Math.log10 : (value: number) => value
  const first = measure(ticks[0] as number)
  const last = measure(ticks.at(-1) as number)
  const [from, to] = ends
  return {
    place: (value) => from + ((measure(value) - first) / (last - first)) * (to - from),
    ticks,
  }
}

/** 0, 20, 40, …: steps of 1, 2 or 5 times a power of ten. */
function linearTicks(least: number, most: number, many: number): number[] {
  const span = most - least || Math.abs(most) || 1
  const power = 10 ** Math.floor(Math.log10(span / many))
  const step = ([1, 2, 5, 10].find((factor) => (factor * power * many) / span >= 1) ?? 10) * power
  const first = Math.floor(least / step)
  const last = Math.max(Math.ceil(most / step), first + 1)
  // Multiplied, as many additions of 0.1 do not give 1.
  return Array.from({ length: last - first + 1 }, (_, n) =>
    Number(((first + n) * step).toFixed(12)),
  )
}

/** 1, 10, 100, …; with 2 and 5 in between where few powers of ten would be left. */
function logTicks(least: number, most: number, many: number): number[] {
  const from = Math.floor(Math.log10(least))
  const to = Math.max(Math.ceil(Math.log10(most)), from + 1)
  const factors = to - from <= many / 2 ? [1, 2, 5] : [1]
  const all = Array.from({ length: to - from + 1 }, (_, n) => from + n).flatMap((power) =>
    factors.map((factor) => Number((factor * 10 ** power).toPrecision(12))),
  )
  const first = all.findLastIndex((tick) => tick <= least)
  const last = all.findIndex((tick) => tick >= most)
  return all.slice(Math.max(first, 0), Math.max(last, first + 1) + 1)
}

/** A number as short as a tick needs it: 0.05, 20, 1,500, 10 k, 2 M. */
export function shortNumber(value: number): string {
  const size = Math.abs(value)
  if (size >= 1e6) return `${trimmed(value / 1e6)} M`
  if (size >= 1e4) return `${trimmed(value / 1e3)} k`
  return size >= 1e3 ? value.toLocaleString('en') : trimmed(value)
}

function trimmed(value: number): string {
  return String(Number(value.toPrecision(4)))
}
