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

type Kind = 'datetime' | 'date' | 'time'

/** What a date is made of: a call of `datetime.<kind>` with bytes and a zone. */
export interface PackedDate {
  readonly kind: Kind
  readonly bytes: Uint8Array
  readonly zone: Timezone | undefined
}

const SIZES = { datetime: 10, date: 4, time: 6 } as const
/** Python's `fold` is the highest bit of the month, or of the hour when there is no month. */
const FOLD = 0x80
const UTC = new Timezone(new Timedelta())

/** The date of packed bytes. Undefined: they are no calendar day or no time of day. */
export function unpackDate(kind: Kind, packed: Uint8Array, zone: Timezone | undefined): unknown {
  if (packed.length !== SIZES[kind]) return undefined
  const bytes = new Uint8Array(packed)
  const place = foldPlace(kind)
  const fold: Fold = kind !== 'date' && ((bytes[place] as number) & FOLD) !== 0 ? 1 : 0
  if (fold === 1) bytes[place] = (bytes[place] as number) & ~FOLD
  const [high = 0, low = 0, month = 0, date = 0] = bytes
  const day: DateParts = [high * 256 + low, month, date]
  const [hour = 0, minute = 0, second = 0, ...micros] = bytes.subarray(-6)
  const time: TimeParts = [hour, minute, second, micros.reduce((sum, byte) => sum * 256 + byte, 0)]
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
  if (!isUtc(zone) || fold === 1) return new ZonedDate(whole, nanoseconds, zone, fold)
  return nanoseconds % 1e6 === 0
    ? new Date(whole * 1000 + nanoseconds / 1e6)
    : new Timestamp(whole, nanoseconds)
}

function isUtc({ offset, label }: Timezone): boolean {
  return label === undefined && offset.days === 0 && offset.seconds + offset.microseconds === 0
}

/** A date without a place on the time line, packed. */
export function packPlainDate(value: PlainDate | PlainTime | PlainDateTime): PackedDate {
  if (value instanceof PlainDate) return pack('date', datePartsOf(value.text), undefined, 0)
  const [first = '', second] = value.text.split('T')
  if (value instanceof PlainTime) {
    return pack('time', undefined, timePartsOf(first), value.fold, value.zone)
  }
  return pack('datetime', datePartsOf(first), timePartsOf(second ?? ''), value.fold)
}

/** An instant, packed. Undefined: Python cannot hold it, as its local year is not 1 to 9999. */
export function packInstant(date: Date): PackedDate | undefined {
  const zoned = date instanceof ZonedDate ? date : undefined
  const zone = zoned?.zone ?? UTC
  const [whole, nanoseconds] = secondsOf(date)
  const exact = Math.floor(nanoseconds / 1000) + zone.offset.microseconds
  const { days, seconds } = zone.offset
  const wall = new Date((whole + days * 86_400 + seconds + Math.floor(exact / 1e6)) * 1000)
  const day: DateParts = [wall.getUTCFullYear(), wall.getUTCMonth() + 1, wall.getUTCDate()]
  if (!isDate(day)) return undefined
  const clock = [wall.getUTCHours(), wall.getUTCMinutes(), wall.getUTCSeconds()] as const
  return pack('datetime', day, [...clock, exact % 1e6], zoned?.fold ?? 0, zone)
}

/** The bytes without Python's `fold`, for which protocols before 4 have no place. */
export function withoutFold({ kind, bytes }: PackedDate): Uint8Array {
  const place = foldPlace(kind)
  return bytes.map((byte, index) => (index === place ? byte & ~FOLD : byte))
}

function foldPlace(kind: Kind): number {
  return kind === 'time' ? 0 : 2
}

function pack(
  kind: Kind,
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
  const place = foldPlace(kind)
  if (fold === 1) bytes[place] = (bytes[place] as number) | FOLD
  return { kind, bytes: new Uint8Array(bytes), zone }
}
