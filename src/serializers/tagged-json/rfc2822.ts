/**
 * Dates of mail and HTTP headers, read as Python's `email.utils.parsedate_to_datetime` reads them, which Flask uses.
 * The format is RFC 2822 section 3.3 with its obsolete forms.
 *
 * @module
 */

const MONTHS = 'jan feb mar apr may jun jul aug sep oct nov dec'.split(' ')
const LONG_MONTHS =
  'january february march april may june july august september october november december'.split(' ')
const DAYS: ReadonlySet<string> = new Set('mon tue wed thu fri sat sun'.split(' '))
/** As hours and minutes, such as -500 for five hours west. */
const ZONES: ReadonlyMap<string, number> = new Map(
  Object.entries({
    ...{ UT: 0, UTC: 0, GMT: 0, Z: 0, AST: -400, ADT: -300, EST: -500, EDT: -400 },
    ...{ CST: -600, CDT: -500, MST: -700, MDT: -600, PST: -800, PDT: -700 },
  }),
)
const INTEGER = /^[-+]?[0-9]+$/

/**
 * The instant, in whole seconds; undefined when the text is not such a date. The weekday is not compared; years below
 * 100 mean 1969 to 2068; without a zone it is UTC.
 */
export function parseRfc2822(text: string): Date | undefined {
  const words = text.split(/\s+/).filter((word) => word !== '')
  dropWeekday(words)
  splitDashes(words)
  if (words.length === 4) splitZone(words)
  if (words.length < 5) return undefined
  let [day = '', month = '', year = '', time = '', zone = ''] = words
  if (day === '' || month === '' || year === '') return undefined
  if (monthNumber(month) === undefined) [day, month] = [month, day]
  if (year.indexOf(':') > 0) [year, time] = [time, year]
  year = withoutComma(year)
  if (year === '') return undefined
  if (!/^[0-9]/.test(year)) [year, zone] = [zone, year]
  const clock = clockNumbers(withoutComma(time))
  const monthIndex = monthNumber(month)
  if (clock === undefined || monthIndex === undefined) return undefined
  if (!INTEGER.test(withoutComma(day)) || !INTEGER.test(year)) return undefined
  const full = fullYear(Number(year))
  return instant(full, monthIndex, Number(withoutComma(day)), clock, offsetMinutes(zone))
}

/** The comma after a weekday needs no space behind it. */
function dropWeekday(words: string[]): void {
  const first = words[0] ?? ''
  if (first.endsWith(',') || DAYS.has(first.toLowerCase())) words.shift()
  else if (first.includes(',')) words[0] = first.slice(first.lastIndexOf(',') + 1)
}

/** `29-Feb-2024`, as in RFC 850. */
function splitDashes(words: string[]): void {
  const date = words[0]?.split('-') ?? []
  if (words.length === 3 && date.length === 3) words.splice(0, 1, ...date)
}

/** A zone may stick to the time: `12:34:56+0100`. */
function splitZone(words: string[]): void {
  const time = words[3] ?? ''
  const plus = time.indexOf('+')
  const sign = plus === -1 ? time.indexOf('-') : plus
  if (sign > 0) words.splice(3, 1, time.slice(0, sign), time.slice(sign))
  else words.push('')
}

function withoutComma(word: string): string {
  return word.endsWith(',') ? word.slice(0, -1) : word
}

function monthNumber(word: string): number | undefined {
  const name = word.toLowerCase()
  const short = MONTHS.indexOf(name)
  const index = short === -1 ? LONG_MONTHS.indexOf(name) : short
  return index === -1 ? undefined : index
}

function clockNumbers(time: string): number[] | undefined {
  const colons = time.split(':')
  const parts = colons.length === 1 && time.includes('.') ? time.split('.') : colons
  if (parts.length === 2) parts.push('0')
  return parts.length === 3 && parts.every((part) => INTEGER.test(part))
    ? parts.map(Number)
    : undefined
}

function fullYear(year: number): number {
  if (year >= 100) return year
  return year > 68 ? year + 1900 : year + 2000
}

function offsetMinutes(zone: string): number {
  const known = ZONES.get(zone.toUpperCase())
  const value = known ?? (INTEGER.test(zone) ? Number(zone) : 0)
  const size = Math.abs(value)
  return Math.sign(value) * (Math.floor(size / 100) * 60 + (size % 100))
}

/** Undefined for a date that the calendar of Python (years 1 to 9999) does not have. */
function instant(
  year: number,
  month: number,
  day: number,
  clock: readonly number[],
  offset: number,
): Date | undefined {
  const [hour = 0, minute = 0, second = 0] = clock
  const isTime = hour >= 0 && hour < 24 && minute >= 0 && minute < 60 && second >= 0 && second < 60
  const inRange = year >= 1 && year <= 9999 && Math.abs(offset) < 24 * 60
  if (!isTime || !inRange) return undefined
  const date = new Date(0)
  date.setUTCFullYear(year, month, day)
  date.setUTCHours(hour, minute, second)
  const exists = date.getUTCMonth() === month && date.getUTCDate() === day
  return exists ? new Date(date.getTime() - offset * 60_000) : undefined
}
