/**
 * Python's dates as pickles pack them: the bytes of `datetime.__reduce__`.
 *
 * @module
 */

import {
  type DateParts,
  datePartsOf,
  dateText,
  type Fold,
  isDate,
  isTime,
  PlainDate,
  PlainDateTime,
  PlainTime,
  Timedelta,
  type TimeParts,
  Timezone,
  timePartsOf,
  timeText,
  ZonedDate,
} from '../python/dates.ts'
import { secondsOf, Timestamp } from '../shared/timestamp.ts'

export type DateKind = 'datetime' | 'date' | 'time'

/** What a date is made of: a call of `datetime.<kind>` with bytes and a zone. */
export interface PackedDate {
  readonly kind: DateKind
  readonly bytes: Uint8Array
  readonly zone?: Timezone | undefined
}

const SIZES = { datetime: 10, date: 4, time: 6 } as const
/** Where Python's `fold` is, as the highest bit: in the month, or in the hour when there is no month. */
const FOLD_AT = { datetime: 2, date: 2, time: 0 } as const
const FOLD = 0x80
const UTC = new Timezone(new Timedelta())

/** The date of packed bytes. Undefined: they are no calendar day or no time of day. */
export function unpackDate(packed: PackedDate): unknown {
  const { kind, zone } = packed
  if (packed.bytes.length !== SIZES[kind]) return undefined
  const bytes = kind === 'date' ? packed.bytes : withoutFold(packed)
  const fold: Fold = bytes[FOLD_AT[kind]] === packed.bytes[FOLD_AT[kind]] ? 0 : 1
  const [high = 0, low = 0, month = 0, date = 0] = bytes
  const day: DateParts = [high * 256 + low, month, date]
  const [hour = 0, minute = 0, second = 0, a = 0, b = 0, c = 0] = bytes.subarray(-6)
  const time: TimeParts = [hour, minute, second, (a << 16) | (b << 8) | c]
  if (kind !== 'time' && !isDate(day)) return undefined
  if (kind === 'date') return new PlainDate(dateText(day))
  if (!isTime(time)) return undefined
  if (kind === 'time') return new PlainTime(timeText(time), zone, fold)
  if (zone === undefined) return new PlainDateTime(`${dateText(day)}T${timeText(time)}`, fold)
  return instant(day, time, zone, fold)
}

function instant(
  [year, month, date]: DateParts,
  [hour, minute, second, micros]: TimeParts,
  zone: Timezone,
  fold: Fold,
): Date {
  const { days, seconds, microseconds } = zone.offset
  const midnight = new Date(0).setUTCFullYear(year, month - 1, date) / 1000
  const exact = micros - microseconds
  const local = midnight + hour * 3600 + minute * 60 + second
  const whole = local - days * 86_400 - seconds + Math.floor(exact / 1e6)
  const nanoseconds = (exact < 0 ? exact + 1e6 : exact) * 1000
  const isUtc = zone.label === undefined && !(days || seconds || microseconds)
  if (!isUtc || fold === 1) return new ZonedDate(whole, nanoseconds, zone, fold)
  return nanoseconds % 1e6 === 0
    ? new Date(whole * 1000 + nanoseconds / 1e6)
    : new Timestamp(whole, nanoseconds)
}

/** A date, packed. Undefined: Python cannot hold it, as its local year is not 1 to 9999. */
export function packDate(
  value: Date | PlainDate | PlainTime | PlainDateTime,
): PackedDate | undefined {
  if (value instanceof Date) return packInstant(value)
  if (value instanceof PlainDate) return pack('date', datePartsOf(value.text), undefined, 0)
  const [first = '', second = ''] = value.text.split('T')
  return value instanceof PlainTime
    ? pack('time', undefined, timePartsOf(first), value.fold, value.zone)
    : pack('datetime', datePartsOf(first), timePartsOf(second), value.fold)
}

function packInstant(date: Date): PackedDate | undefined {
  const { zone, fold } = date instanceof ZonedDate ? date : { zone: UTC, fold: 0 as const }
  const [whole, nanoseconds] = secondsOf(date)
  const { days, seconds, microseconds } = zone.offset
  const exact = Math.floor(nanoseconds / 1000) + microseconds
  const wall = new Date((whole + days * 86_400 + seconds + Math.floor(exact / 1e6)) * 1000)
  const day: DateParts = [wall.getUTCFullYear(), wall.getUTCMonth() + 1, wall.getUTCDate()]
  if (!isDate(day)) return undefined
  const clock = [wall.getUTCHours(), wall.getUTCMinutes(), wall.getUTCSeconds()] as const
  return pack('datetime', day, [...clock, exact % 1e6], fold, zone)
}

/** The bytes without Python's `fold`, for which protocols before 4 have no place. */
export function withoutFold({ kind, bytes }: PackedDate): Uint8Array {
  return bytes.map((byte, index) => (index === FOLD_AT[kind] ? byte & ~FOLD : byte))
}

function pack(
  kind: DateKind,
  day: DateParts | undefined,
  time: TimeParts | undefined,
  fold: Fold,
  zone?: Timezone,
): PackedDate {
  const bytes: number[] = []
  if (day !== undefined) bytes.push(day[0] >> 8, day[0] & 0xff, day[1], day[2])
  if (time !== undefined) {
    const [hour, minute, second, micros] = time
    bytes.push(hour, minute, second, micros >> 16, (micros >> 8) & 0xff, micros & 0xff)
  }
  if (fold === 1) bytes[FOLD_AT[kind]] = (bytes[FOLD_AT[kind]] as number) | FOLD
  return { kind, bytes: new Uint8Array(bytes), zone }
}
