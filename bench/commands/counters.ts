/** How each server counts its commands; for a server that does not, the proxy counts names in the requests. */

import { ask } from '../../scripts/services/servers/ask.ts'
import { redisCommand } from '../../scripts/services/servers/redis-command.ts'
import type { ServerName } from '../common/stores.ts'

export type Counts = ReadonlyMap<string, number>

export interface Counter {
  /** The commands since the last call, by name. */
  take(): Promise<Counts>
  close(): Promise<void>
}

/** The source of the figures, for the title of a table. */
export const COUNTED_BY: Readonly<Record<ServerName, string>> = {
  redis: 'INFO commandstats, with what its scripts run',
  memcached: 'stats',
  postgres: 'pg_stat_statements',
  mariadb: 'SHOW GLOBAL STATUS',
  mongodb: 'names in the requests: the stand-in does not count',
  dynamodb: 'names in the requests: the stand-in does not count',
}

/** What the proxy looks for where the server does not count. */
export const PATTERNS: Partial<Record<ServerName, RegExp>> = {
  mongodb: /(find|insert|update|delete|findAndModify|getMore)\0[\s\S]{4}sessions\0/g,
  dynamodb: /x-amz-target: DynamoDB_\d+\.(\w+)/gi,
}

/** The arguments that make a server count. */
export const ARGUMENTS: Partial<Record<ServerName, readonly string[]>> = {
  postgres: ['-c', 'shared_preload_libraries=pg_stat_statements'],
}

const COUNTERS: Partial<Record<ServerName, (url: string) => Promise<Counter>>> = {
  async redis(url) {
    const port = Number(new URL(url).port)
    const calls = async (): Promise<Counts> => {
      const info = String(await redisCommand(port, 'INFO', 'commandstats'))
      const lines = info.matchAll(/^cmdstat_([^:]+):calls=(\d+)/gm)
      const all = [...lines].map(([, name = '', count]) => [name, Number(count)] as const)
      return new Map(all.filter(([name]) => name !== 'info'))
    }
    return { take: since(calls), close: async () => undefined }
  },

  async memcached(url) {
    const port = Number(new URL(url).port)
    const calls = async (): Promise<Counts> => {
      const stats = await ask(port, 'stats\r\n', (answer) => answer.endsWith('END\r\n'))
      const lines = stats.matchAll(
        /^STAT (cmd_(?:get|set|touch|meta)|delete_(?:hits|misses)) (\d+)/gm,
      )
      return added(
        [...lines].map(([, name = '', count]) => {
          const [first = '', verb = ''] = name.split('_')
          return [first === 'cmd' ? verb : first, Number(count)] as const
        }),
      )
    }
    return { take: since(calls), close: async () => undefined }
  },

  async postgres(url) {
    const { default: pg } = await import('pg')
    const client = new pg.Client({ connectionString: url })
    await client.connect()
    await client.query('create extension if not exists pg_stat_statements')
    const calls = async (): Promise<Counts> => {
      const { rows } = await client.query<{ query: string; calls: string }>(
        `select query, calls from pg_stat_statements where query not like '%pg_stat_statements%'`,
      )
      return added(rows.map(({ query, calls }) => [firstWord(query), Number(calls)] as const))
    }
    return { take: since(calls), close: () => client.end() }
  },

  async mariadb(url) {
    const { createConnection } = await import('mysql2/promise')
    const client = await createConnection(url)
    const names = ['select', 'insert', 'update', 'delete', 'replace', 'begin', 'commit', 'rollback']
    const calls = async (): Promise<Counts> => {
      const list = names.map((name) => `'Com_${name}'`).join(', ')
      const [rows] = await client.query(`show global status where Variable_name in (${list})`)
      const status = rows as { readonly Variable_name: string; readonly Value: string }[]
      return new Map(
        status.map(({ Variable_name, Value }) => [
          Variable_name.slice('Com_'.length).toLowerCase(),
          Number(Value),
        ]),
      )
    }
    return { take: since(calls), close: () => client.end() }
  },
}

/** Undefined: the server counts nothing. */
export async function counterOf(name: ServerName, url: string): Promise<Counter | undefined> {
  const counter = await COUNTERS[name]?.(url)
  await counter?.take()
  return counter
}

/** How often each name was found. */
export function countsOf(seen: readonly string[]): Counts {
  return added(seen.map((name) => [name, 1] as const))
}

function since(calls: () => Promise<Counts>): () => Promise<Counts> {
  let before: Counts = new Map()
  return async () => {
    const now = await calls()
    const more = [...now].map(([name, count]) => [name, count - (before.get(name) ?? 0)] as const)
    before = now
    return new Map(more.filter(([, count]) => count > 0))
  }
}

function added(counts: readonly (readonly [string, number])[]): Counts {
  const sums = new Map<string, number>()
  for (const [name, count] of counts) sums.set(name, (sums.get(name) ?? 0) + count)
  return sums
}

function firstWord(query: string): string {
  return /^\s*(\w+)/.exec(query)?.[1]?.toLowerCase() ?? '?'
}
