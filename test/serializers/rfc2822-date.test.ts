import { describe, expect, it } from 'vitest'
import { parseRfc2822 } from '../../src/serializers/tagged-json/rfc2822.ts'

describe('dates of headers, as Python reads them', () => {
  it.each([
    ['Thu, 29 Feb 2024 12:34:56 GMT', '2024-02-29T12:34:56Z'],
    ['Mon, 29 Feb 2024 12:34:56 GMT', '2024-02-29T12:34:56Z'],
    ['29 Feb 2024 12:34:56', '2024-02-29T12:34:56Z'],
    ['29 february 2024 12:34', '2024-02-29T12:34:00Z'],
    ['Feb 29 2024 12:34:56 GMT', '2024-02-29T12:34:56Z'],
    ['Thu,29 Feb 2024 12:34:56 UTC', '2024-02-29T12:34:56Z'],
    ['Thu 29 Feb 2024 12:34:56 Z', '2024-02-29T12:34:56Z'],
    ['Thursday, 29-Feb-24 12:34:56 GMT', '2024-02-29T12:34:56Z'],
    ['Thu, 29 Feb 2024 12:34:56 +0530', '2024-02-29T07:04:56Z'],
    ['Thu, 29 Feb 2024 12:34:56 -0000', '2024-02-29T12:34:56Z'],
    ['29 Feb 2024 12:34:56-0100', '2024-02-29T13:34:56Z'],
    ['Thu, 29 Feb 2024 12:34:56 EST', '2024-02-29T17:34:56Z'],
    ['Thu, 29 Feb 2024 12:34:56 Mars', '2024-02-29T12:34:56Z'],
    ['Thu, 29 Feb 2024 12:34:56 GMT (comment)', '2024-02-29T12:34:56Z'],
    ['Thu, 29 Feb 2024 12.34.56 GMT', '2024-02-29T12:34:56Z'],
    ['Thu Feb 29 12:34:56 2024 GMT', '2024-02-29T12:34:56Z'],
    ['Thu Feb 29 12:34:56 GMT 2024', '2024-02-29T12:34:56Z'],
    ['Mon, 01 Jan 0001 00:00:00 GMT', '2001-01-01T00:00:00Z'],
    ['1 Jan 69 00:00 GMT', '1969-01-01T00:00:00Z'],
    ['1 Jan 68 00:00 GMT', '2068-01-01T00:00:00Z'],
    ['1 Jan 0100 00:00 GMT', '0100-01-01T00:00:00Z'],
    ['Fri, 31 Dec 9999 23:59:59 GMT', '9999-12-31T23:59:59Z'],
  ])('%s', (text, expected) => {
    expect(parseRfc2822(text)?.toISOString()).toBe(new Date(expected).toISOString())
  })

  it.each([
    '',
    ' ',
    'zz',
    '2024-02-29T12:34:56Z',
    '30 Feb 2024 12:34:56 GMT',
    '29 Foo 2024 12:34:56 GMT',
    '29 Feb 2024 24:00:00 GMT',
    '29 Feb 2024 12:60:00 GMT',
    '29 Feb 2024 12:34:60 GMT',
    '29 Feb 2024 12 GMT',
    '29 Feb 2024 1:2:3:4 GMT',
    '29 Feb 10000 12:34:56 GMT',
    '29 Feb 2024 12:34:56 +2400',
    '29 Feb',
    '0 Feb 2024 00:00 GMT',
    'x Feb 2024 00:00 GMT',
    '29 Feb , 00:00 GMT',
  ])('%j is none', (text) => expect(parseRfc2822(text)).toBeUndefined())
})
