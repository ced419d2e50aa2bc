/** Python's dates as pickles pack them: the bytes of `datetime.__reduce__`. */

import { secondsOf, Timestamp } from '../../core/values.ts'
import {
  type Fold,
  PlainDate,
  PlainDateTime,
  PlainTime,
  padded,
  Timedelta,
  Timezone,
  ZonedDate,
} from '../python/dates.ts'

export type DateKind = 'datetime' | 'date' | 'time'

/** What a date is made of: a call of `datetime.<kind>` with bytes and a zone. */
export interface PackedDate {
  readonly kind: DateKind
  readonly bytes: Uint8Array
  readonly zone?: Timezone | undefined
}

const SIZES = { datetime: 10, date: 4, time: 6 } as const
/** Python's `fold` is the highest bit of the month, or of the hour when there is no month. */
const FOLD = 0x80
const FOLD_AT = { datetime: 2, date: -1, time: 0 } as const
const UTC = new Timezone(new Timedelta())

/** The date of packed bytes. Throws {@link SerializationError} on what is no calendar day or no time of day. */
export function unpackDate({ kind, bytes, zone }: PackedDate): unknown {
  const hasFold = (byte: number, at: number): boolean => at === FOLD_AT[kind] && byte >= FOLD
  const fold: Fold = bytes.some(hasFold) ? 1 : 0
  const plain = bytes.map((byte, at) => (hasFold(byte, at) ? byte - FOLD : byte))
  const [high = 0, low = 0, month = 0, date = 0] = plain
  const day = `${padded(high * 256 + low, 4)}-${padded(month, 2)}-${padded(date, 2)}`
  const [hour = 0, minute = 0, second = 0, a = 0, b = 0, c = 0] = plain.subarray(-6)
  const clock = [hour, minute, second].map((part) => padded(part, 2)).join(':')
  const micros = (a << 16) | (b << 8) | c
  const time = `${clock}.${padded(micros, 6)}`
  if (bytes.length !== SIZES[kind]) return undefined
  if (kind === 'date') return new PlainDate(day)
  if (kind === 'time') return new PlainTime(time, zone, fold)
  const naive = new PlainDateTime(`${day}T${time}`, fold)
  if (zone === undefined) return naive
  const { days, seconds, microseconds } = zone.offset
  const exact = micros - microseconds
  const local = Date.parse(`${day}T${clock}Z`) / 1000
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
  hasFold: boolean,
): PackedDate | undefined {
  if (value instanceof PlainDate) return { kind: 'date', bytes: packed(value.text, '') }
  const fold = hasFold && 'fold' in value && value.fold === 1 ? FOLD : 0
  if (value instanceof PlainTime) {
    return { kind: 'time', bytes: packed('', value.text, fold), zone: value.zone }
  }
  if (value instanceof PlainDateTime) {
    const [day = '', time = ''] = value.text.split('T')
    return { kind: 'datetime', bytes: packed(day, time, fold) }
  }
  const zone = value instanceof ZonedDate ? value.zone : UTC
  const [whole, nanoseconds] = secondsOf(value)
  const { days, seconds, microseconds } = zone.offset
  const exact = Math.floor(nanoseconds / 1000) + microseconds
  const wall = new Date((whole + days * 86_400 + seconds + Math.floor(exact / 1e6)) * 1000)
  const year = wall.getUTCFullYear()
  if (!(year >= 1 && year <= 9999)) return undefined
  const [day = '', clock = ''] = wall.toISOString().split(/T|\.|Z/)
  const time = `${clock}.${padded(exact % 1e6, 6)}`
  return { kind: 'datetime', bytes: packed(day, time, fold), zone }
}

/** The bytes of a day and a time of day. Either text may be empty. */
function packed(day: string, time: string, fold = 0): Uint8Array {
  const [year = 0, month = 0, date = 0] = day.split('-').map(Number)
  const [hour = 0, minute = 0, second = 0, micros = 0] = time.split(/[:.]/).map(Number)
  // An array of bytes keeps the lowest eight bits of each number.
  const dayBytes = [year >> 8, year, month + fold, date]
  const timeBytes = [
    hour + (day === '' ? fold : 0),
    minute,
    second,
    micros >> 16,
    micros >> 8,
    micros,
  ]
  return Uint8Array.from([...(day === '' ? [] : dayBytes), ...(time === '' ? [] : timeBytes)])
}
