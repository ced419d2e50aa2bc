/**
 * Python's dates and times that JavaScript's `Date` cannot tell apart: without a zone, without a day, or in another zone
 * than UTC. A `datetime` in UTC is a `Date`, or a `Timestamp` when it is finer than a millisecond.
 */

import { dateRepr, instantText, PYTHON } from '../../core/python.ts'
import { Timestamp } from '../../core/values.ts'
import { SerializationError } from '../../errors.ts'

/** A value that is its text: in a template, and in JSON. */
export class TextValue {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }

  toString(): string {
    return this.text
  }

  toJSON(): string {
    return this.text
  }

  /** @internal */
  [PYTHON](repr?: (value: unknown) => string): string {
    return repr === undefined ? this.text : repr(this.text)
  }
}

/** Python's `fold`: when a clock is set back, the same time occurs twice, and 1 is the later one. */
export type Fold = 0 | 1

/** A time span, as Python's `datetime.timedelta`: only `days` may be negative. */
export class Timedelta {
  /** −999 999 999 to 999 999 999. */
  readonly days: number
  /** 0 to 86 399. */
  readonly seconds: number
  /** 0 to 999 999. */
  readonly microseconds: number

  /**
   * Takes whole numbers and carries over, as Python does.
   *
   * @throws {SerializationError} On other numbers, and beyond 999 999 999 days.
   */
  constructor(days = 0, seconds = 0, microseconds = 0) {
    const wholeSeconds = seconds + Math.floor(microseconds / 1e6)
    this.days = days + Math.floor(wholeSeconds / 86_400)
    this.seconds = wholeSeconds - Math.floor(wholeSeconds / 86_400) * 86_400
    this.microseconds = microseconds - Math.floor(microseconds / 1e6) * 1e6
    const whole = [days, seconds, microseconds, this.days].every(Number.isSafeInteger)
    if (!whole || Math.abs(this.days) > 999_999_999) {
      throw new SerializationError('Not a timedelta: pass whole numbers within 999999999 days.')
    }
  }

  /** As Python's `str()`: `1 day, 0:00:05`, `-1 day, 23:59:59.000001`. */
  toString(): string {
    const [hours, minutes] = [Math.floor(this.seconds / 3600), Math.floor(this.seconds / 60) % 60]
    const clock = `${hours}:${padded(minutes, 2)}:${padded(this.seconds % 60, 2)}`
    const fraction = this.microseconds === 0 ? '' : `.${padded(this.microseconds, 6)}`
    const unit = Math.abs(this.days) === 1 ? 'day' : 'days'
    return `${this.days === 0 ? '' : `${this.days} ${unit}, `}${clock}${fraction}`
  }

  /** ISO 8601 in days and seconds only, as msgspec writes it: `P1DT2.000003S`, `-PT5S`, `P0D`. */
  toJSON(): string {
    const seconds = BigInt(this.days) * 86_400n + BigInt(this.seconds)
    const total = seconds * 1_000_000n + BigInt(this.microseconds)
    if (total === 0n) return 'P0D'
    const size = total < 0n ? -total : total
    const [whole, part] = [size / 1_000_000n, size % 1_000_000n]
    const [day, rest] = [whole / 86_400n, whole % 86_400n]
    const fraction = part === 0n ? '' : `.${padded(part, 6)}`
    const time = rest > 0n || fraction !== '' ? `T${rest}${fraction}S` : ''
    return `${total < 0n ? '-' : ''}P${day > 0n ? `${day}D` : ''}${time}`
  }

  /** @internal */
  [PYTHON](repr?: (value: unknown) => string): string {
    if (repr === undefined) return this.toString()
    const { days, seconds, microseconds } = this
    const parts = Object.entries({ days, seconds, microseconds }).filter(([, size]) => size !== 0)
    const text = parts.map(([unit, size]) => `${unit}=${size}`).join(', ')
    return `datetime.timedelta(${text || 0})`
  }

  /** The whole span in milliseconds, rounded. */
  get milliseconds(): number {
    return this.days * 86_400_000 + this.seconds * 1000 + Math.round(this.microseconds / 1000)
  }
}

/** An offset from UTC, as Python's `datetime.timezone`; `new Timezone(new Timedelta())` is UTC. */
export class Timezone {
  readonly offset: Timedelta
  /** The zone's name. Undefined: Python derives one from the offset, such as `UTC+01:00`. */
  readonly label: string | undefined

  /** @throws {SerializationError} Unless the offset is shorter than a day. */
  constructor(offset: Timedelta, label?: string) {
    const { days, seconds, microseconds } = offset
    if (days < -1 || days > 0 || (days === -1 && seconds === 0 && microseconds === 0)) {
      throw new SerializationError('Not a timezone: pass an offset of less than 24 hours.')
    }
    this.offset = offset
    this.label = label
  }

  /** As Python's `str()`: the zone's name, or `UTC`, `UTC+01:00`. */
  toString(): string {
    if (this.label !== undefined) return this.label
    return isZero(this.offset) ? 'UTC' : `UTC${this.iso}`
  }

  /** The offset as in ISO 8601: `+01:00`, `-01:00:01.000005`. */
  get iso(): string {
    const { days, seconds, microseconds } = this.offset
    const size = days < 0 ? new Timedelta(0, -days * 86_400 - seconds, -microseconds) : this.offset
    const [hours, minutes] = [Math.floor(size.seconds / 3600), Math.floor(size.seconds / 60) % 60]
    const rest =
      size.seconds % 60 === 0 && microseconds === 0 ? '' : `:${padded(size.seconds % 60, 2)}`
    const fraction = microseconds === 0 ? '' : `.${padded(size.microseconds, 6)}`
    return `${days < 0 ? '-' : '+'}${padded(hours, 2)}:${padded(minutes, 2)}${rest}${fraction}`
  }

  toJSON(): string {
    return this.toString()
  }

  /** @internal */
  [PYTHON](repr?: (value: unknown) => string): string {
    if (repr === undefined) return this.toString()
    if (this.label === undefined && isZero(this.offset)) return 'datetime.timezone.utc'
    const label = this.label === undefined ? '' : `, ${repr(this.label)}`
    return `datetime.timezone(${repr(this.offset)}${label})`
  }
}

function isZero({ days, seconds, microseconds }: Timedelta): boolean {
  return days === 0 && seconds === 0 && microseconds === 0
}

/** As Python has it in a `repr`; nothing for the earlier time. */
function foldText(fold: Fold): string[] {
  return fold === 1 ? ['fold=1'] : []
}

/** An instant with its zone: a Python `datetime` with a `timezone`. As a `Date` it is the instant. */
export class ZonedDate extends Timestamp {
  readonly zone: Timezone
  readonly fold: Fold

  /**
   * @param seconds Whole seconds since 1970 in UTC, rounded down.
   * @param nanoseconds Nanoseconds of that second, 0 to 999 999 999; Python keeps whole microseconds.
   */
  constructor(seconds: number, nanoseconds: number, zone: Timezone, fold: Fold = 0) {
    super(seconds, nanoseconds)
    this.zone = zone
    this.fold = fold
  }

  /** @internal */
  [PYTHON](repr?: (value: unknown) => string): string {
    const { days, seconds, microseconds } = this.zone.offset
    const text = instantText(this, (days * 86_400 + seconds) * 1e6 + microseconds)
    if (repr === undefined) return `${text.replace('T', ' ')}${this.zone.iso}`
    return dateRepr(text, ...foldText(this.fold), `tzinfo=${repr(this.zone)}`)
  }
}

/** A calendar day, as Python's `datetime.date`. Its text is such as `2024-02-29`. */
export class PlainDate extends TextValue {
  /** @throws {SerializationError} Unless it is a day of the years 1 to 9999, written as `2024-02-29`. */
  constructor(text: string) {
    super(checkedDate(text))
  }

  /** @internal */
  override [PYTHON](repr?: (value: unknown) => string): string {
    return repr === undefined ? this.text : dateRepr(this.text)
  }
}

/** A time of day, as Python's `datetime.time`. Its text is `01:02:03`, or `01:02:03.000004` with microseconds. */
export class PlainTime extends TextValue {
  readonly zone: Timezone | undefined
  readonly fold: Fold

  /** @throws {SerializationError} Unless it is a time, written as `01:02`, `01:02:03` or `01:02:03.000004`. */
  constructor(text: string, zone?: Timezone, fold: Fold = 0) {
    super(checkedTime(text))
    this.zone = zone
    this.fold = fold
  }

  /** @internal */
  override [PYTHON](repr?: (value: unknown) => string): string {
    if (repr === undefined) return `${this.text}${this.zone?.iso ?? ''}`
    const zone = this.zone === undefined ? [] : [`tzinfo=${repr(this.zone)}`]
    return dateRepr(this.text, ...zone, ...foldText(this.fold))
  }
}

/** A naive Python `datetime`: date and time without a zone. Its text is such as `2024-02-29T01:02:03.000004`. */
export class PlainDateTime extends TextValue {
  readonly fold: Fold

  /** @throws {SerializationError} Unless it is a day and a time with `T` or a space between them. */
  constructor(text: string, fold: Fold = 0) {
    const [date = '', time = ''] = String(text).split(/[T ]/, 2)
    super(`${checkedDate(date)}T${checkedTime(time)}`)
    this.fold = fold
  }

  /** @internal */
  override [PYTHON](repr?: (value: unknown) => string): string {
    if (repr === undefined) return this.text.replace('T', ' ')
    return dateRepr(this.text, ...foldText(this.fold))
  }
}

export function padded(value: number | bigint, size: number): string {
  return String(value).padStart(size, '0')
}

const DATE = /^(\d{4})-(\d{2})-(\d{2})$/
const TIME = /^([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d)(?:\.(\d{1,6}))?)?$/

/** Whether there is such a day in the years 1 to 9999. */
function isDate([year, month, day]: readonly [number, number, number]): boolean {
  const date = new Date(0)
  date.setUTCFullYear(year, month - 1, day)
  const isDay = date.getUTCMonth() === month - 1 && date.getUTCDate() === day
  return isDay && year >= 1 && year <= 9999
}

function checkedDate(text: string): string {
  const [, year = 0, month = 0, day = 0] = DATE.exec(text)?.map(Number) ?? []
  if (isDate([year, month, day])) return text
  throw new SerializationError('Not a date: pass a day of the years 1 to 9999 as 2024-02-29.')
}

/** The time in its full form, with a fraction only where it is not zero. */
function checkedTime(text: string): string {
  const [, hour, minute, second = '00', fraction = ''] = TIME.exec(text) ?? []
  if (hour === undefined) {
    throw new SerializationError('Not a time: pass it as 01:02, 01:02:03 or 01:02:03.000004.')
  }
  return `${hour}:${minute}:${second}${Number(fraction) === 0 ? '' : `.${fraction.padEnd(6, '0')}`}`
}
