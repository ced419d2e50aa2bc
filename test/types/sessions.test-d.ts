/** What compiles and what does not. Nothing here runs: each `@ts-expect-error` fails when its line compiles. */

import {
  createSessions,
  type InferData,
  type Seal,
  type SealedOptions,
  type Session,
  type Store,
  type StoredOptions,
  type StoredSession,
} from 'vial'
import { expectTypeOf, test } from 'vitest'
import { z } from 'zod'

declare const store: Store
declare const maybeStore: Store | undefined
declare const seal: Seal
declare const request: object
const secret = 'a text of which only its type counts here'
const data = z
  .object({ username: z.string(), views: z.number(), cart: z.array(z.string()), big: z.bigint() })
  .partial()
interface Data {
  username?: string | undefined
  views?: number | undefined
  cart?: string[] | undefined
  big?: bigint | undefined
}

const stored = createSessions({ store, data })
const sealed = createSessions({ secret, data })
const untyped = createSessions({ store })

test('get infers the value from the schema', async () => {
  const session = await stored.of(request)
  expectTypeOf(session).toEqualTypeOf<StoredSession<Data>>()
  expectTypeOf(session.get('username')).toEqualTypeOf<string | undefined>()
  expectTypeOf(session.get('username', null)).toEqualTypeOf<string | null>()
  expectTypeOf(session.get('views', 0)).toEqualTypeOf<number>()
  expectTypeOf(session.pop('cart')).toEqualTypeOf<string[] | undefined>()
  expectTypeOf(session.setDefault('cart', [])).toEqualTypeOf<string[]>()
  expectTypeOf(session.toJSON()).toEqualTypeOf<Partial<Record<keyof Data, unknown>>>()
  expectTypeOf([...session.keys()]).toEqualTypeOf<('username' | 'views' | 'cart' | 'big')[]>()
})

test('a key that the schema does not have does not compile', async () => {
  const session = await stored.of(request)
  // @ts-expect-error no such key
  session.get('user')
  // @ts-expect-error no such key
  session.set('user', 'ada')
  // @ts-expect-error no such key
  session.has('user')
  // @ts-expect-error no such key
  session.delete('user')
  // @ts-expect-error no such key
  session.pop('user')
  // @ts-expect-error a session is no property bag
  session.username = 'ada'
})

test('a value of another type does not compile', async () => {
  const session = await stored.of(request)
  session.set('views', 1)
  // @ts-expect-error not a number
  session.set('views', '1')
  // @ts-expect-error not a list of texts
  session.setDefault('cart', [1])
  // @ts-expect-error the value may be missing
  session.get('username').length
})

test('increment takes keys of numbers only', async () => {
  const session = await stored.of(request)
  session.increment('views')
  session.increment('views', 2)
  session.increment('big', 2n)
  // @ts-expect-error a text
  session.increment('username')
  // @ts-expect-error a list
  session.increment('cart')
})

test('append takes keys of lists only, and items of the list', async () => {
  const session = await stored.of(request)
  session.append('cart', 'pen', 'ink')
  // @ts-expect-error a text
  session.append('username', 'a')
  // @ts-expect-error a number
  session.append('views', 1)
  // @ts-expect-error not an item of the list
  session.append('cart', 1)
})

test('update and claim know the value', async () => {
  const session = await stored.of(request)
  session.update('views', (value) => {
    expectTypeOf(value).toEqualTypeOf<number | undefined>()
    return (value ?? 0) + 1
  })
  // @ts-expect-error not a number
  session.update('views', () => 'one')
  expectTypeOf(await stored.claim(session, 'cart')).toEqualTypeOf<string[] | undefined>()
  // @ts-expect-error no such key
  await stored.claim(session, 'user')
})

test('sessions in the cookie do not offer what they cannot promise', async () => {
  const session = await sealed.of(request)
  expectTypeOf(session).toEqualTypeOf<Session<Data>>()
  expectTypeOf(session.get('views')).toEqualTypeOf<number | undefined>()
  // @ts-expect-error two responses at once would lose one
  session.increment('views')
  // @ts-expect-error two responses at once would lose one
  session.append('cart', 'pen')
  // @ts-expect-error two responses at once would lose one
  session.update('views', () => 1)
  // @ts-expect-error nothing can decide which one came first
  await sealed.claim(session, 'cart')
  // @ts-expect-error only a store has one
  createSessions({ secret, timeout: '1s' })
})

test('without a schema every key is there and every value unknown', async () => {
  const session = await untyped.of(request)
  expectTypeOf(session.get('anything')).toEqualTypeOf<unknown>()
  session.set('anything', new Date())
  session.increment('views')
  session.append('cart', 1, 'two')
})

test('InferData gives the data', () => {
  expectTypeOf<InferData<typeof stored>>().toEqualTypeOf<Data>()
  expectTypeOf<InferData<typeof sealed>>().toEqualTypeOf<Data>()
})

test('eager adds the session of the request', () => {
  const eager = createSessions({ store, data, eager: true })
  expectTypeOf(eager.session).toEqualTypeOf<StoredSession<Data>>()
  eager.session.increment('views')
  const eagerSealed = createSessions({ secret, data, eager: true })
  expectTypeOf(eagerSealed.session).toEqualTypeOf<Session<Data>>()
  // @ts-expect-error not eager
  stored.session
})

test('options that are chosen at run time give what both kinds have', async () => {
  const either = createSessions(
    process.env['CI'] === undefined ? { store, data } : { secret, data },
  )
  const session = await either.of(request)
  expectTypeOf(session).toEqualTypeOf<Session<Data>>()
  expectTypeOf<InferData<typeof either>>().toEqualTypeOf<Data>()
  // @ts-expect-error there may be no store
  session.increment('views')
  const fromEnvironment = createSessions({ store: maybeStore, secret, data, timeout: '1s' })
  expectTypeOf(await fromEnvironment.of(request)).toEqualTypeOf<Session<Data>>()
  // @ts-expect-error there may be no store
  fromEnvironment.claim
  const eager = createSessions({ store: maybeStore, seal, data, eager: true })
  expectTypeOf(eager.session).toEqualTypeOf<Session<Data>>()
  const options = {} as StoredOptions<Data> | SealedOptions<Data>
  expectTypeOf(createSessions({ ...options, eager: true }).session).toEqualTypeOf<Session<Data>>()
})
