/** Fills a server with visitors, and checks that it does what it is measured for. */

import type { Contender } from './contender.ts'
import { PATHS } from './page.ts'
import { suits, WORKLOADS } from './workloads.ts'

/** Many, so that two requests of one visitor seldom meet. */
const VISITORS = 512

/** The cookies of new visitors, by the size of their session. */
export type Visitors = ReadonlyMap<number, readonly string[]>

/** @throws {Error} When the server does not keep sessions as it should. */
export async function visitors(url: string, contender: Contender): Promise<Visitors> {
  const { kind, without = [] } = contender
  const wanted = WORKLOADS.filter(
    (workload) => suits(workload, kind) && !without.includes(workload.name),
  )
  const sizes = new Set(wanted.flatMap(({ bytes }) => (bytes === undefined ? [] : [bytes])))
  const all = new Map<number, readonly string[]>()
  for (const bytes of sizes) {
    if (kind === 'bare') {
      all.set(bytes, [`session=${'a'.repeat(43)}`])
      continue
    }
    const cookies: string[] = []
    while (cookies.length < VISITORS) {
      const some = Array.from({ length: 16 }, () => seeded(url, bytes))
      cookies.push(...(await Promise.all(some)))
    }
    await checked(url, cookies.pop() ?? '')
    all.set(bytes, cookies)
  }
  return all
}

async function seeded(url: string, bytes: number): Promise<string> {
  const response = await fetch(`${url}${PATHS.seed}?${bytes}`)
  const body = await response.text()
  const cookie = cookieOf(response)
  if (response.status !== 200 || body !== 'seeded' || cookie === '') {
    throw new Error(
      `a new visitor of ${bytes} bytes got ${response.status} '${body}' and no cookie`,
    )
  }
  return cookie
}

/** A visitor counts: 1000 is read, 1000 written, then 1001 read. */
async function checked(url: string, first: string): Promise<void> {
  const jar = new Map(pairs(first))
  for (const [path, expected] of [
    [PATHS.plain, 'plain'],
    [PATHS.read, '1000'],
    [PATHS.write, '1000'],
    [PATHS.read, '1001'],
    [PATHS.write, '1001'],
    [PATHS.read, '1002'],
  ] as const) {
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ')
    const response = await fetch(url + path, { headers: { cookie } })
    const body = await response.text()
    if (body !== expected) throw new Error(`${path} gave '${body}' and not '${expected}'`)
    for (const [name, value] of pairs(cookieOf(response))) jar.set(name, value)
  }
}

function cookieOf(response: Response): string {
  return response.headers
    .getSetCookie()
    .map((line) => line.split(';')[0])
    .join('; ')
}

function pairs(cookies: string): [name: string, value: string][] {
  return cookies
    .split('; ')
    .filter((pair) => pair !== '')
    .map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)])
}
