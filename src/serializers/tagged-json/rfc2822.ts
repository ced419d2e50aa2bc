/**
 * Dates of mail and HTTP headers, read as Python's `email.utils.parsedate_to_datetime` reads them, which Flask uses.
 * The format is RFC 2822 section 3.3 with its obsolete forms.
 */

const MONTHS =
  'january february march april may june july august september october november december'.split(' ')
const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun']
/** As hours and minutes, such as -500 for five hours west. */
const ZONES = new Map<string, number>(
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
  if (monthNumber(month) === 0) [day, month] = [month, day]
  if (year.indexOf(':') > 0) [year, time] = [time, year]
  year = withoutComma(year)
  if (year === '') return undefined
  if (!/^[0-9]/.test(year)) [year, zone] = [zone, year]
  day = withoutComma(day)
  const clock = clockNumbers(withoutComma(time))
  if (clock === undefined || !INTEGER.test(day) || !INTEGER.test(year)) return undefined
  const [hour = 0, minute = 0, second = 0] = clock
  const date = [fullYear(Number(year)), monthNumber(month) - 1, Number(day)] as const
  const offset = offsetMinutes(zone)
  const isTime = hour >= 0 && hour < 24 && minute >= 0 && minute < 60 && second >= 0 && second < 60
  const instant = new Date(0)
  instant.setUTCFullYear(...date)
  // Month 13 or day 31 of June is another month of the calendar.
  const isDay = instant.getUTCMonth() === date[1] && instant.getUTCDate() === date[2]
  const isYear = date[0] >= 1 && date[0] <= 9999
  if (!isDay || !isYear || !isTime || Math.abs(offset) >= 24 * 60) return undefined
  instant.setUTCHours(hour, minute - offset, second)
  return instant
}

/** The comma after a weekday needs no space behind it. */
function dropWeekday(words: string[]): void {
  const first = words[0] ?? ''
  if (first.endsWith(',') || DAYS.includes(first.toLowerCase())) words.shift()
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

/** 1 to 12; 0 for a word that is no month. */
function monthNumber(word: string): number {
  const name = word.toLowerCase()
  return 1 + MONTHS.findIndex((month) => name === month || name === month.slice(0, 3))
}

function clockNumbers(time: string): number[] | undefined {
  const parts = time.split(time.includes(':') ? ':' : '.')
  if (parts.length === 2) parts.push('0')
  const isClock = parts.length === 3 && parts.every((part) => INTEGER.test(part))
  return isClock ? parts.map(Number) : undefined
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
