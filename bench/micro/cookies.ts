/** What it costs to find our cookie among others, and to make the header that sets it. */

import { equal, match } from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { parseCookie, stringifySetCookie } from 'cookie'
import { parse, serialize } from 'hono/utils/cookie'
import { vial } from '../common/vial.ts'
import type { Case } from './case.ts'
import { flat, inTurn } from './inputs.ts'

const NAME = '__Host-session'
const DAY = 86_400
/** An id and its signature; several, as the compiler joins constant texts before it runs. */
const VALUES = Array.from({ length: 16 }, () => {
  const part = (): string => randomBytes(32).toString('base64url')
  return `${part()}.${part()}`
})

export async function cookies(): Promise<readonly Case[]> {
  return [...(await finding()), ...(await setting())]
}

async function finding(): Promise<Case[]> {
  const { cookieValues } = await vial('cookies/parse')
  const group = 'Find our cookie, the last of the header'
  return [1, 5, 20].flatMap((count): Case[] => {
    const many = count === 1 ? '1 cookie' : `${count} cookies`
    const next = inTurn(headersOf(count))
    const foreign = { group, foreign: true } as const
    return [
      {
        group,
        name: `cookieValues, ${many}`,
        run: () => cookieValues(next(), NAME),
        check: (found) => isValue((found as string[]).join()),
        peers: [`cookie, ${many}`, `hono, ${many}`],
      },
      {
        ...foreign,
        name: `cookie, ${many}`,
        run: () => parseCookie(next())[NAME],
        check: isValue,
      },
      {
        ...foreign,
        name: `hono, ${many}`,
        run: () => parse(next(), NAME)[NAME],
        check: isValue,
      },
    ]
  })
}

async function setting(): Promise<Case[]> {
  const { cookieWriter } = await vial('cookies/serialize')
  const group = 'Make Set-Cookie'
  const writer = cookieWriter({ name: NAME })
  const next = inTurn(VALUES)
  const now = Date.now()
  const life = { expiresAt: now + DAY * 1000, now }
  const attributes = { path: '/', httpOnly: true, secure: true, sameSite: 'lax' } as const
  const check = (header: unknown): void => {
    match(String(header), /^__Host-session=[\w-]{43}\.[\w-]{43};(?=.* Secure)(?=.* HttpOnly)/)
  }
  const lasting = (header: unknown): void => {
    check(header)
    match(String(header), /; Max-Age=86400/)
  }
  return [
    {
      group,
      name: 'for the browser session',
      run: () => writer.set(next()),
      check,
      peers: ['cookie', 'hono'],
    },
    {
      group,
      name: 'with Max-Age',
      run: () => writer.set(next(), life),
      check: lasting,
      peers: ['cookie, Max-Age', 'hono, Max-Age'],
    },
    {
      group,
      name: 'cookie',
      foreign: true,
      run: () => stringifySetCookie({ name: NAME, value: next(), ...attributes }),
      check,
    },
    {
      group,
      name: 'cookie, Max-Age',
      foreign: true,
      run: () => stringifySetCookie({ name: NAME, value: next(), ...attributes, maxAge: DAY }),
      check: lasting,
    },
    {
      group,
      name: 'hono',
      foreign: true,
      run: () => serialize(NAME, next(), attributes),
      check,
    },
    {
      group,
      name: 'hono, Max-Age',
      foreign: true,
      run: () => serialize(NAME, next(), { ...attributes, maxAge: DAY }),
      check: lasting,
    },
  ]
}

/** Several of them, so that no header is known by heart; each flat, as a server reads it off the socket. */
function headersOf(count: number): string[] {
  return VALUES.map((value, visitor) => {
    const pairs = Array.from({ length: count - 1 }, (_, index) => other(index, visitor))
    return flat([...pairs, `${NAME}=${value}`].join('; '))
  })
}

function other(index: number, visitor: number): string {
  const kinds = [
    `_ga_${index}=GA1.2.${1_873_204_511 + visitor * 7919}.17${index}2034567`,
    `theme${index}=${visitor % 2 === 0 ? 'dark' : 'light'}`,
    `consent_${index}=%7B%22ads%22%3A${visitor % 3 === 0}%2C%22v%22%3A${visitor}%7D`,
    `lang${index}=en-GB`,
  ]
  return kinds[index % kinds.length] as string
}

function isValue(found: unknown): void {
  equal(VALUES.includes(String(found)), true)
}
