/**
 * Between the packed dates of a pickle and the dates here. The packing is that of `datetime.__reduce__`.
 *
 * @module
 */

import { Timestamp } from '../msgpack/values.ts'
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
import { notData } from './input.ts'
import {
  type DateNode,
  type StrNode,
  strNode,
  type TimedeltaNode,
  type TimezoneNode,
} from './nodes.ts'

const SIZES = { datetime: 10, date: 4, time: 6 } as const
const FOLD = 0x80
const UTC: TimezoneNode = timezoneNode(new Timezone(new Timedelta()))

/** Throws {@link SerializationError} unless `state` is a day of the calendar or a time of day. */
export function dateNode(
  kind: DateNode['kind'],
  state: Uint8Array,
  zone: TimezoneNode | undefined,
): DateNode {
  const sane =
    state.length === SIZES[kind] &&
    (kind === 'time' || isDate(dateOf(state))) &&
    (kind === 'date' || isTime(timeOf(state)))
  if (!sane) throw notData(`a ${kind} in it is wrong`)
  return { kind, state, zone }
}

function dateOf(state: Uint8Array): DateParts {
  const [high = 0, low = 0, month = 0, day = 0] = state
  return [high * 256 + low, state.length === 10 ? month & ~FOLD : month, day]
}

function timeOf(state: Uint8Array): TimeParts {
  const [hour = 0, minute = 0, second = 0, ...micros] = state.subarray(-6)
  const [high = 0, middle = 0, low = 0] = micros
  return [
    state.length === 6 ? hour & ~FOLD : hour,
    minute,
    second,
    (high * 256 + middle) * 256 + low,
  ]
}

/** The date here. */
export function fromDateNode({ kind, state, zone }: DateNode): unknown {
  if (kind === 'date') return new PlainDate(dateText(dateOf(state)))
  const time = timeOf(state)
  const text = timeText(time)
  const fold: Fold = ((state[kind === 'time' ? 0 : 2] as number) & FOLD) === 0 ? 0 : 1
  if (kind === 'time') return new PlainTime(text, zone && fromTimezone(zone), fold)
  const day = dateOf(state)
  if (zone === undefined) return new PlainDateTime(`${dateText(day)}T${text}`, fold)
  const [hour, minute, second, micros] = time
  const { days, seconds, microseconds } = zone.offset
  const midnight = new Date(0).setUTCFullYear(day[0], day[1] - 1, day[2]) / 1000
  const exact = micros - microseconds
  const local = midnight + hour * 3600 + minute * 60 + second
  const instant = local - days * 86_400 - seconds + Math.floor(exact / 1e6)
  const nanoseconds = (exact < 0 ? exact + 1e6 : exact) * 1000
  if (!isUtc(zone) || fold === 1) {
    return new ZonedDate(instant, nanoseconds, fromTimezone(zone), fold)
  }
  return nanoseconds % 1e6 === 0
    ? new Date(instant * 1000 + nanoseconds / 1e6)
    : new Timestamp(instant, nanoseconds)
}

/** Python has only one zone without a distance and a name. */
export function isUtc({ offset, name }: TimezoneNode): boolean {
  return name === undefined && offset.days === 0 && offset.seconds + offset.microseconds === 0
}

export function fromTimezone({ offset, name }: TimezoneNode): Timezone {
  return new Timezone(fromTimedelta(offset), name?.text)
}

export function fromTimedelta({ days, seconds, microseconds }: TimedeltaNode): Timedelta {
  return new Timedelta(days, seconds, microseconds)
}

export function timedeltaNode({ days, seconds, microseconds }: Timedelta): TimedeltaNode {
  return { kind: 'timedelta', days, seconds, microseconds }
}

export function timezoneNode({ offset, label }: Timezone): TimezoneNode {
  const name: StrNode | undefined = label === undefined ? undefined : strNode(label)
  return { kind: 'timezone', offset: timedeltaNode(offset), name }
}

export function plainNode(value: PlainDate | PlainTime | PlainDateTime): DateNode {
  if (value instanceof PlainDate)
    return pack('date', datePartsOf(value.text), undefined, 0, undefined)
  const zone = value instanceof PlainTime && value.zone ? timezoneNode(value.zone) : undefined
  const [first = '', second] = value.text.split('T')
  if (second === undefined) return pack('time', undefined, timePartsOf(first), value.fold, zone)
  return pack('datetime', datePartsOf(first), timePartsOf(second), value.fold, zone)
}

/** Undefined for what Python cannot hold: no date, or a local year that is not 1 to 9999. */
export function instantNode(date: Date): DateNode | undefined {
  const ms = Date.prototype.getTime.call(date)
  const zoned = date instanceof ZonedDate ? date : undefined
  const { days, seconds, microseconds } = zoned?.zone.offset ?? new Timedelta()
  const whole = Math.floor(ms / 1000)
  const exact = finest(date, ms - whole * 1000) + microseconds
  const local = whole + days * 86_400 + seconds + Math.floor(exact / 1e6)
  const wall = new Date(local * 1000)
  const day: DateParts = [wall.getUTCFullYear(), wall.getUTCMonth() + 1, wall.getUTCDate()]
  if (!isDate(day)) return undefined
  const clock = [wall.getUTCHours(), wall.getUTCMinutes(), wall.getUTCSeconds()] as const
  const zone = zoned === undefined ? UTC : timezoneNode(zoned.zone)
  return pack('datetime', day, [...clock, exact % 1e6], zoned?.fold ?? 0, zone)
}

/** Microseconds of the second; the date may have been set to another millisecond since. */
function finest(date: Date, ms: number): number {
  const own = date instanceof Timestamp ? date.nanoseconds : Number.NaN
  return Math.floor(own / 1e6) === ms ? Math.floor(own / 1000) : ms * 1000
}

function pack(
  kind: DateNode['kind'],
  day: DateParts | undefined,
  time: TimeParts | undefined,
  fold: Fold,
  zone: TimezoneNode | undefined,
): DateNode {
  const bytes: number[] = []
  if (day !== undefined) bytes.push(day[0] >> 8, day[0] & 0xff, day[1], day[2])
  if (time !== undefined) {
    const [hour, minute, second, micros] = time
    bytes.push(hour, minute, second, micros >> 16, (micros >> 8) & 0xff, micros & 0xff)
  }
  const place = kind === 'time' ? 0 : 2
  if (fold === 1) bytes[place] = (bytes[place] as number) | FOLD
  return { kind, state: new Uint8Array(bytes), zone }
}
