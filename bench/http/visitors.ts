/** Fills a server with visitors, and checks that it keeps their sessions. */

import { PATHS, WORKLOADS, type WorkloadName } from './page.ts'

/** Many, so that two requests of one visitor seldom meet. */
const VISITORS = 256
const AT_ONCE = 16

/** The cookies of visitors, by the size of their session in bytes. */
export type Visitors = ReadonlyMap<number, readonly string[]>

/**
 * Visitors for those workloads.
 *
 * @throws {Error} When the server does not keep sessions as it should.
 */
export async function visitors(
  url: string,
  isBare: boolean,
  workloads: readonly WorkloadName[],
): Promise<Visitors> {
  const all = new Map<number, readonly string[]>()
  for (const bytes of new Set(workloads.map((name) => WORKLOADS[name].bytes))) {
    if (isBare) {
      all.set(bytes, [`session=${'a'.repeat(43)}`])
      continue
    }
    const cookies: string[] = []
    while (cookies.length < VISITORS) {
      const some = Array.from({ length: AT_ONCE }, () => newVisitor(url, bytes))
      cookies.push(...(await Promise.all(some)))
    }
    await check(url, cookies.pop() ?? '')
    all.set(bytes, cookies)
  }
  return all
}

async function newVisitor(url: string, bytes: number): Promise<string> {
  const response = await fetch(`${url}${PATHS.seed}?${bytes}`)
  const body = await response.text()
  const cookie = cookieOf(response)
  if (response.status !== 200 || body !== 'seeded' || cookie === '') {
    throw new Error(
      `a new visitor with ${bytes} bytes got ${response.status} '${body}' and ${cookie === '' ? 'no cookie' : cookie}`,
    )
  }
  return cookie
}

/** One visitor's requests, each with the body that it must get. */
const EXPECTED = [
  [PATHS.plain, 'plain'],
  [PATHS.read, '1000'],
  [PATHS.write, '1000'],
  [PATHS.read, '1001'],
  [PATHS.write, '1001'],
  [PATHS.read, '1002'],
] as const

async function check(url: string, first: string): Promise<void> {
  const jar = new Map(pairs(first))
  for (const [path, expected] of EXPECTED) {
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ')
    const response = await fetch(url + path, { headers: { cookie } })
    const body = await response.text()
    if (body !== expected) throw new Error(`${path} gave '${body}' instead of '${expected}'`)
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
