/** What the parts of the core cost: a merge, an id, a request's scope, the session without the request. */

import { deepEqual, equal, match } from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { DIST, vial } from '../common/vial.ts'
import type { Case } from './case.ts'
import { SECRET } from './content.ts'

type Sessions = import('../../src/index.ts').Sessions
type Scope = import('../../src/index.ts').Scope
type Entries = import('../../src/index.ts').Entries

export async function core(): Promise<readonly Case[]> {
  return [...idle(), ...(await merging()), ...(await ids()), ...(await scopes())]
}

/** What the measurement itself adds to each figure. */
function idle(): Case[] {
  const group = 'The measurement itself'
  const resolved = Promise.resolve(1)
  const check = (result: unknown): void => equal(result, 1)
  return [
    { group, name: 'nothing', foreign: true, run: () => 1, check },
    { group, name: 'nothing, awaited', foreign: true, run: () => resolved, check },
  ]
}

async function merging(): Promise<Case[]> {
  const { Changes } = await vial('core/changes')
  const { rebase } = await vial('core/rebase')
  const { msgpack } = await vial('serializers/msgpack')
  const group = 'Merge one changed key into a record'
  return [10, 100].flatMap((count): Case[] => {
    const base: Entries = new Map()
    for (let index = 0; index < count; index++) {
      base.set(`key-${index}`, msgpack.encode({ index, list: [1, 2, 3] }))
    }
    const put = new Changes(msgpack, base)
    put.put('key-3', 'changed')
    const added = new Changes(msgpack, base)
    added.apply('hits', (hits) => (typeof hits === 'number' ? hits + 1 : 1))
    const newer = new Map(base)
      .set('hits', msgpack.encode(41))
      .set('key-5', msgpack.encode('theirs'))
    const nested = new Changes(msgpack, base)
    const held = nested.get('key-4') as { readonly list: number[] }
    held.list.push(4)
    const decoded = (result: unknown, key: string): unknown => {
      const { entries } = result as ReturnType<typeof rebase>
      return msgpack.decode(entries.get(key) as Parameters<typeof msgpack.decode>[0])
    }
    return [
      {
        group,
        name: `set, as it was read, ${count} entries`,
        run: () => rebase(put, base),
        check: (result) => equal(decoded(result, 'key-3'), 'changed'),
      },
      {
        group,
        name: `changed inside, as it was read, ${count} entries`,
        run: () => rebase(nested, base),
        check: (result) => deepEqual(decoded(result, 'key-4'), { index: 4, list: [1, 2, 3, 4] }),
      },
      {
        group,
        name: `increment, others wrote it meanwhile, ${count} entries`,
        run: () => rebase(added, newer),
        check: (result) => {
          deepEqual([decoded(result, 'hits'), decoded(result, 'key-5')], [42, 'theirs'])
        },
      },
    ]
  })
}

async function ids(): Promise<Case[]> {
  const { fingerprint, nativeIds } = await vial('core/ids')
  const scheme = nativeIds(await sourceOfIds(), true)
  const id = scheme.make()
  const key = scheme.key(id)
  const group = 'Ids'
  return [
    {
      group,
      name: 'made',
      run: () => scheme.make(),
      check: (made) => equal(scheme.valid(String(made)) && made !== scheme.make(), true),
    },
    {
      group,
      name: 'hashed for the store',
      run: () => scheme.key(id),
      check: (hashed) => equal(hashed === key && hashed !== id, true),
    },
    {
      group,
      name: 'fingerprint for a log',
      run: () => fingerprint(id),
      check: (name) => match(String(name), /^[0-9a-f]{12}$/),
    },
  ]
}

/** The source that the build takes when none is given. */
async function sourceOfIds(): Promise<(size: number) => Uint8Array> {
  const file = pathToFileURL(join(DIST, 'core/random.js')).href
  const pool = (await import(file).catch(() => ({}))) as {
    readonly pooledRandomBytes?: (size: number) => Uint8Array
  }
  return pool.pooledRandomBytes ?? randomBytes
}

async function scopes(): Promise<Case[]> {
  const { createSessions, Scope } = await vial('.')
  /** A request without a cookie, as an adapter has it. */
  class RequestScope extends Scope {
    protected override cookieHeader(): undefined {
      return undefined
    }
  }
  const cookie = { secure: false }
  const plain = createSessions({ secret: SECRET, cookie })
  const ambient = createSessions({ secret: SECRET, cookie, ambient: true })
  const untouched = (commit: unknown): void => {
    deepEqual(commit, { outcome: 'untouched', headers: [] })
  }
  const scope = (sessions: Sessions): Scope => new RequestScope(sessions)
  const asked = { group: 'A request that never asks for its session' }
  const found = { group: 'The session of a request, loaded already' }
  const inside = within(ambient, scope(ambient))
  const request = {}
  await within(plain, scope(plain), request)(() => plain.of(request))
  const isNew = (session: unknown): void => equal((session as { isNew: boolean }).isNew, true)
  return [
    {
      ...asked,
      name: 'a scope made and committed',
      run: () => scope(plain).commit(),
      check: untouched,
    },
    {
      ...asked,
      name: 'made, begun and committed',
      run: () => {
        const one = scope(plain)
        return plain.begin({}, one, () => one.commit())
      },
      check: untouched,
    },
    {
      ...asked,
      name: 'made, begun and committed, ambient',
      run: () => {
        const one = scope(ambient)
        return ambient.begin({}, one, () => one.commit())
      },
      check: untouched,
    },
    { ...found, name: 'of(request)', run: () => plain.of(request), check: isNew },
    {
      ...found,
      name: 'current(), ambient',
      run: () => ambient.current(),
      check: isNew,
      around: inside,
    },
  ]
}

/** Runs a measurement inside of a request. */
function within(
  sessions: Sessions,
  scope: Scope,
  request: object = {},
): NonNullable<Case['around']> {
  return async (measuring) => sessions.begin(request, scope, measuring)
}
