import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { cookieValues } from '../../src/cookies/parse.ts'
import { runs } from '../support/runs.ts'

const values = (header: string | null | undefined) => cookieValues(header, 'sid')

/** All pairs, one after the other, without a thought to speed. */
function reference(header: string, name: string): string[] {
  const blanks = /^[ \t]+|[ \t]+$/g
  const found: string[] = []
  for (const pair of header.split(';')) {
    const equals = pair.indexOf('=')
    if (equals === -1 || pair.slice(0, equals).replace(blanks, '') !== name) continue
    const value = pair.slice(equals + 1).replace(blanks, '')
    const bare = value.length > 1 && /^".*"$/s.test(value) ? value.slice(1, -1) : value
    if (bare !== '') found.push(bare)
  }
  return found
}

describe('cookieValues', () => {
  it('finds the cookie wherever it stands', () => {
    expect(values('sid=1')).toEqual(['1'])
    expect(values('a=b; sid=1')).toEqual(['1'])
    expect(values('sid=1; a=b')).toEqual(['1'])
    expect(values('a=b;sid=1;c=d')).toEqual(['1'])
    expect(values(' \tsid \t= \t1\t ; a')).toEqual(['1'])
    expect(values('sid=a=b==')).toEqual(['a=b=='])
  })

  it('gives all of them in order, for others to judge [A9]', () => {
    expect(values('sid=1; sid=2; a=b; sid=1')).toEqual(['1', '2', '1'])
    expect(values('sid=garbage; sid=good')).toEqual(['garbage', 'good'])
  })

  it.each([
    null,
    undefined,
    '',
    'sid=',
    'sid',
    '=sid',
    '==',
    ';',
    '; ;',
    'sid=""',
    'sid= \t',
    'sid;=1',
    'a=sid',
    'a=sid=1',
  ])('finds none in %j [A1]', (header) => {
    expect(values(header)).toEqual([])
  })

  it.each([
    ['"quoted"', 'quoted'],
    ['"', '"'],
    ['"half', '"half'],
    ['two words', 'two words'],
    ['%00%41', '%00%41'],
    ['a\0b', 'a\0b'],
    ['\x01\x7f', '\x01\x7f'],
    ['\x80\xff', '\x80\xff'],
    ['\ud800', '\ud800'],
    ['\xc0\xaf', '\xc0\xaf'],
    ['\u00a0x\u00a0', '\u00a0x\u00a0'],
    ['a,b', 'a,b'],
  ])('gives the value %j as it came, but for its quotes [A2]', (value, expected) => {
    expect(values(`a=b; sid=${value}; c=d`)).toEqual([expected])
  })

  it.each(['\u00a0', '\u2000', '\u3000', '\ufeff', '\n', '\r', '\v', '\f', '\0', 'x', '.', '-'])(
    'takes a name with %j before or after it for another [A3]',
    (extra) => {
      expect(values(`${extra}sid=evil`)).toEqual([])
      expect(values(`sid${extra}=evil`)).toEqual([])
      expect(values(`s${extra}id=evil; a=b; ${extra} sid=evil`)).toEqual([])
    },
  )

  it('knows no $Version, and no semicolons in quotes [A4]', () => {
    expect(values('$Version=1; sid="1"; $Path="/"')).toEqual(['1'])
    expect(values('a="x; sid=1; b=y"')).toEqual(['1'])
    expect(cookieValues('$Version=1; sid=1', '$Version')).toEqual(['1'])
  })

  it.each(['SID', 'Sid', 'sID', '%73id', 's%69d'])('takes %s for another name [A5, A6]', (name) => {
    expect(values(`${name}=evil`)).toEqual([])
  })

  it('takes other spellings of a prefix for another name [A5, A6]', () => {
    const header = '__host-sid=evil; __HOST-sid=evil; %5F%5FHost-sid=evil; __Host-sid=good'
    expect(cookieValues(header, '__Host-sid')).toEqual(['good'])
  })

  it('ignores a cookie without a name, whatever its value [A7]', () => {
    expect(values('=sid=evil')).toEqual([])
    expect(values('= sid=evil; =sid=evil')).toEqual([])
    expect(cookieValues('=x', '')).toEqual([])
  })

  it('reads crumbs that were joined [A8]', () => {
    expect(values(['a=b', 'sid=1', 'c=d'].join('; '))).toEqual(['1'])
  })

  it('does not take parts of a cookie in pieces for it [A12]', () => {
    expect(values('sid.0=a; sid.1=b; sid.sig=c; sidx=d; xsid=e; sid-=f')).toEqual([])
  })

  it.each(['__proto__', 'constructor', 'hasOwnProperty'])(
    'has no trouble with the name %s [A13]',
    (name) => {
      expect(cookieValues('a=b', name)).toEqual([])
      expect(cookieValues(`${name}=x; a=b`, name)).toEqual(['x'])
    },
  )

  it('reads any length in linear time [A10]', () => {
    // Far beyond what a server lets through, so that a quadratic scan runs into the test's limit.
    const size = 4 * 2 ** 20
    const fill = (piece: string) => piece.repeat(size / piece.length)
    const hostile = [
      ...[
        'sid',
        's',
        ' ',
        ';',
        'sid ',
        ' sid\t',
        'sid;',
        'sid =',
        'sid=;',
        `${' '.repeat(99)}sid`,
      ].map(fill),
      `sid${fill(' ')}`,
      `sid=${fill('"')}`,
      `sid=${fill(' ')}`,
    ]
    for (const header of hostile) expect(values(`${header}; sid=1`).at(-1)).toBe('1')
    expect(cookieValues(`${fill('s')}=1`, fill('s'))).toEqual(['1'])
    const many = Array.from({ length: 200 }, (_, i) => `cookie-${i}=${'x'.repeat(300)}`).join('; ')
    expect(values(`${many}; sid=1; ${many}`)).toEqual(['1'])
  })

  it('equals the plain parser on any header', () => {
    const name = fc.constantFrom('sid', '__Host-sid', 'a', 's', '$Version', '__proto__')
    const piece = fc.constantFrom(
      'sid',
      '__Host-sid',
      'SID',
      'a',
      's',
      '=',
      '==',
      ';',
      '; ',
      ' ',
      '\t',
      '"',
      '\u00a0',
      '\0',
      ',',
      '%73id',
      '$Version',
      '__proto__',
      'x.y',
    )
    const dense = fc.array(piece, { maxLength: 40 }).map((parts) => parts.join(''))
    const units = fc.array(fc.nat(0xffff)).map((codes) => String.fromCharCode(...codes))
    const mixed = fc.array(fc.oneof(piece, units, fc.string())).map((parts) => parts.join(''))
    fc.assert(
      fc.property(fc.oneof(dense, mixed), name, (header, one) => {
        expect(cookieValues(header, one)).toEqual(reference(header, one))
      }),
      { numRuns: runs(10_000, 50_000) },
    )
  })
})
