/**
 * What each kind of request costs the server of a store: commands as the server itself counts them, round trips, and
 * bytes each way; on Redis beside a peer.
 */

import { isAsked, type Options } from '../common/options.ts'
import { Progress } from '../common/progress.ts'
import type { Report, Table } from '../common/report.ts'
import { openOn, reasonOf, type ServerStore, serverOf, startServer } from '../common/stores.ts'
import {
  ARGUMENTS,
  COUNTED_BY,
  type Counter,
  type Counts,
  counterOf,
  countsOf,
  PATTERNS,
} from './counters.ts'
import { type CountingProxy, countingProxy } from './counting-proxy.ts'
import { PEERS } from './peer-sites.ts'
import type { Act, Site } from './site.ts'
import { vialSite } from './vial-site.ts'

const STORES: readonly ServerStore[] = [
  'redis',
  'memcached',
  'PostgreSQL',
  'MariaDB',
  'mongodb (stand-in)',
  'dynamodb (stand-in)',
]
const QUICK: ReadonlySet<ServerStore> = new Set(['redis', 'memcached', 'PostgreSQL'])

/** One visitor's requests, in this order. */
const REQUESTS: readonly (readonly [name: string, act: Act])[] = [
  ['no cookie, session not asked for', 'plain'],
  ['first write', 'write'],
  ['cookie, session not asked for', 'plain'],
  ['read', 'read'],
  ['write', 'write'],
  ['login', 'login'],
  ['regenerate', 'regenerate'],
  ['logout', 'logout'],
]
/** The same visitor where the expiry moves with each visit. */
const IDLE_READ = 'read with `idle`, expiry just moved'
const IDLE_DUE = 'read with `idle`, expiry to be moved'
/** The warm-up is the first; of the others the middle one counts. */
const REPEATS = 4
const HALF_AN_HOUR = 1_800_000

interface Cost {
  readonly commands: Counts
  readonly roundTrips: number
  readonly sent: number
  readonly received: number
}

interface Contender {
  readonly name: string
  /** By the name of the request; one for each repetition. */
  readonly costs: ReadonlyMap<string, readonly Cost[]>
}

interface Result {
  readonly store: ServerStore
  readonly contenders: readonly Contender[]
  readonly missing?: string
}

export async function run(options: Options): Promise<Report> {
  const stores = STORES.filter(
    (store) => (!options.quick || QUICK.has(store)) && isAsked(options, store),
  )
  const progress = new Progress(stores.length)
  const results: Result[] = []
  for (const store of stores) {
    progress.step(store)
    try {
      results.push({ store, contenders: await countOn(store, options.check ? 2 : REPEATS) })
    } catch (error) {
      results.push({ store, contenders: [], missing: reasonOf(error) })
    }
  }
  progress.end()
  return { tables: results.map(tableOf) }
}

async function countOn(store: ServerStore, repeats: number): Promise<Contender[]> {
  const name = serverOf(store)
  const server = await startServer(name, ARGUMENTS[name])
  const closing: (() => Promise<unknown>)[] = [() => server.stop()]
  try {
    const proxy = await countingProxy(server.url, PATTERNS[name])
    closing.push(() => proxy.close())
    const counter = await counterOf(name, server.url)
    if (counter !== undefined) closing.push(() => counter.close())
    const opened = await openOn(store, proxy.url)
    closing.push(() => opened.close())
    const count = (site: Site, idle: Site): Promise<Contender['costs']> =>
      countAll(site, idle, proxy, counter, repeats)

    const own = await vialSite(opened.store, {})
    const idle = await vialSite(opened.store, { idle: true })
    const contenders: Contender[] = [{ name: 'vial', costs: await count(own, idle) }]
    if (opened.store.evicts !== true) {
      const users = await vialSite(opened.store, { users: true })
      const both = await vialSite(opened.store, { users: true, idle: true })
      contenders.push({ name: 'vial with users', costs: await count(users, both) })
    }
    for (const [peer, open] of name === 'redis' ? Object.entries(PEERS) : []) {
      const site = await open(proxy.url)
      closing.push(() => site.close())
      contenders.push({ name: peer, costs: await count(site, site) })
    }
    return contenders
  } finally {
    for (const one of closing.toReversed()) await one()
  }
}

async function countAll(
  site: Site,
  idle: Site,
  proxy: CountingProxy,
  counter: Counter | undefined,
  repeats: number,
): Promise<Map<string, Cost[]>> {
  const costs = new Map<string, Cost[]>()
  for (let repeat = 0; repeat < repeats; repeat++) {
    async function count(name: string, visit: () => Promise<string>): Promise<string> {
      await counter?.take()
      proxy.take()
      const cookie = await visit()
      // Work after the response counts, too.
      await new Promise((resolve) => setTimeout(resolve, 25))
      const { sent, received, roundTrips, seen } = proxy.take()
      const commands = (await counter?.take()) ?? countsOf(seen)
      const cost = { commands, roundTrips, sent, received }
      if (repeat > 0) costs.set(name, [...(costs.get(name) ?? []), cost])
      return cookie
    }
    let cookie = ''
    for (const [name, act] of REQUESTS) {
      cookie = await count(name, () => site.visit(act, cookie))
    }
    const visitor = await idle.visit('write', '')
    await count(IDLE_READ, () => idle.visit('read', visitor))
    idle.wait?.(HALF_AN_HOUR)
    await count(IDLE_DUE, () => idle.visit('read', visitor))
  }
  return costs
}

function tableOf({ store, contenders, missing }: Result): Table {
  const title = `${store}: what each request costs the server (commands by ${COUNTED_BY[serverOf(store)]})`
  if (missing !== undefined) return { title, head: ['', ''], rows: [[store, missing]] }
  const names = [...REQUESTS.map(([name]) => name), IDLE_READ, IDLE_DUE]
  return {
    title,
    head: ['request', 'commands', 'round trips', 'bytes sent', 'bytes back'],
    rows: names.flatMap((name) =>
      contenders.map((contender) => {
        const cost = middle(contender.costs.get(name) ?? [])
        return [
          contenders.length === 1 ? name : `${name}: ${contender.name}`,
          cost === undefined ? '' : commandsOf(cost.commands),
          ...(['roundTrips', 'sent', 'received'] as const).map((one) => String(cost?.[one] ?? '')),
        ]
      }),
    ),
  }
}

function commandsOf(commands: Counts): string {
  if (commands.size === 0) return '0'
  return [...commands].map(([name, count]) => `${count} ${name}`).join(', ')
}

/** The one with the middle number of bytes. */
function middle(costs: readonly Cost[]): Cost | undefined {
  const sorted = costs.toSorted((a, b) => a.sent + a.received - b.sent - b.received)
  return sorted[Math.floor(sorted.length / 2)]
}
