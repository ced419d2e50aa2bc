/** What requests do to a session, and what is left when they do it one after another. */

import fc from 'fast-check'
import type { StoredSession } from 'vial'

/** What a request does. */
export type Op =
  | { readonly op: 'set'; readonly key: string; readonly value: number }
  | { readonly op: 'get-set'; readonly key: string; readonly by: number }
  | { readonly op: 'delete'; readonly key: string }
  | { readonly op: 'increment'; readonly by: number }
  | { readonly op: 'append'; readonly item: number }
  | { readonly op: 'update'; readonly by: number }
  | { readonly op: 'nest'; readonly item: number }
  | { readonly op: 'flash'; readonly text: string }
  | { readonly op: 'flashes' | 'clear' | 'destroy' | 'regenerate' }
  | { readonly op: 'login'; readonly user: string }

/** What it turned out to be, given what the request saw. */
export type Done =
  | Exclude<Op, { readonly op: 'get-set' | 'nest' | 'flashes' }>
  | { readonly op: 'put-if-present'; readonly value: readonly number[] }
  | { readonly op: 'take'; readonly shown: readonly string[] }

export interface State {
  readonly data: Map<string, unknown>
  flashes: string[]
  user: string | undefined
}

const small = fc.integer({ min: 1, max: 9 })
const key = fc.constantFrom('a', 'b')
let texts = 0

export const opArbitrary: fc.Arbitrary<Op> = fc.oneof(
  { weight: 4, arbitrary: fc.record({ op: fc.constant('set' as const), key, value: small }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('get-set' as const), key, by: small }) },
  {
    weight: 3,
    arbitrary: fc.record({
      op: fc.constant('delete' as const),
      key: fc.constantFrom('a', 'b', 'n', 'list', 'u', 'nested'),
    }),
  },
  { weight: 4, arbitrary: fc.record({ op: fc.constant('increment' as const), by: small }) },
  { weight: 3, arbitrary: fc.record({ op: fc.constant('append' as const), item: small }) },
  { weight: 3, arbitrary: fc.record({ op: fc.constant('update' as const), by: small }) },
  { weight: 3, arbitrary: fc.record({ op: fc.constant('nest' as const), item: small }) },
  {
    weight: 3,
    arbitrary: fc.constant(0).map(() => {
      texts += 1
      return { op: 'flash' as const, text: `m${texts}` }
    }),
  },
  { weight: 3, arbitrary: fc.record({ op: fc.constant('flashes' as const) }) },
  {
    weight: 3,
    arbitrary: fc.record({
      op: fc.constantFrom('clear' as const, 'destroy' as const, 'regenerate' as const),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ op: fc.constant('login' as const), user: fc.constantFrom('x', 'y') }),
  },
)

/** Does it to a real session. */
export function perform(session: StoredSession, op: Op): Done[] {
  switch (op.op) {
    case 'set':
      session.set(op.key, op.value)
      return [op]
    case 'get-set': {
      const value = Number(session.get(op.key, 0)) + op.by
      session.set(op.key, value)
      return [{ op: 'set', key: op.key, value }]
    }
    case 'delete':
      return session.delete(op.key) ? [op] : []
    case 'increment':
      session.increment('n', op.by)
      return [op]
    case 'append':
      session.append('list', op.item)
      return [op]
    case 'update':
      session.update('u', (value) => Number(value ?? 1) * 2 + op.by)
      return [op]
    case 'nest': {
      const nested = session.get('nested') as number[] | undefined
      nested?.push(op.item)
      return nested === undefined ? [] : [{ op: 'put-if-present', value: [...nested] }]
    }
    case 'flash':
      session.flash(op.text)
      return [op]
    case 'flashes': {
      const shown = session.flashes().map((flash) => flash.message)
      return shown.length === 0 ? [] : [{ op: 'take', shown }]
    }
    case 'login':
      session.login(op.user)
      return [op]
    default:
      session[op.op]()
      return [op]
  }
}

export function blank(): State {
  return { data: new Map(), flashes: [], user: undefined }
}

function copy(state: State): State {
  return { ...state, data: new Map(state.data), flashes: [...state.flashes] }
}

function emptied(state: State): boolean {
  return state.data.size === 0 && state.flashes.length === 0 && state.user === undefined
}

/** What a request leaves behind when no other one runs. */
export interface Effect {
  /** The session of the cookie that it came with. Undefined: ended, or it has another cookie now. */
  readonly old: State | undefined
  /** The session of a cookie that it was given. */
  readonly fresh: State | undefined
  /** The session that it came with was ended, whatever its cookie is by now. */
  readonly ended: boolean
}

/**
 * @param at The session that it came with. Undefined: none, or none that it sees.
 * @param superseded It came with a cookie that opens nothing any more, and that can only be used to end the session.
 */
export function effectOf(done: readonly Done[], at: State | undefined, superseded = false): Effect {
  let state = at === undefined ? blank() : copy(at)
  let attached = at !== undefined || superseded
  let canEnd = attached
  let hasNewCookie = false
  let dropped = superseded
  let ended = false
  const end = (): void => {
    ended ||= canEnd
    canEnd = false
    state = blank()
    attached = false
    dropped = false
    hasNewCookie = false
  }
  for (const step of done) {
    if (step.op === 'destroy') end()
    else if (step.op === 'regenerate') hasNewCookie = true
    else {
      if (step.op === 'login') {
        // A session of another user is ended first.
        if (state.user !== undefined && state.user !== step.user) end()
        if (dropped) attached = false
        dropped = false
        hasNewCookie = true
      }
      change(state, step)
    }
  }
  const left = emptied(state) || dropped ? undefined : state
  return attached && !hasNewCookie
    ? { old: left, fresh: undefined, ended }
    : { old: undefined, fresh: left, ended }
}

/** Whether it ends as a login, which outlives the end of the session that it began in. */
export function isLogin(done: readonly Done[]): boolean {
  const last = done.findLast((step) => ['login', 'clear', 'destroy'].includes(step.op))
  return last?.op === 'login'
}

function change(state: State, step: Exclude<Done, { op: 'destroy' | 'regenerate' }>): void {
  const { data } = state
  switch (step.op) {
    case 'set':
      data.set(step.key, step.value)
      break
    case 'delete':
      data.delete(step.key)
      break
    case 'increment':
      data.set('n', Number(data.get('n') ?? 0) + step.by)
      break
    case 'append':
      data.set('list', [...((data.get('list') as number[] | undefined) ?? []), step.item])
      break
    case 'update':
      data.set('u', Number(data.get('u') ?? 1) * 2 + step.by)
      break
    case 'put-if-present':
      if (data.has('nested')) data.set('nested', step.value)
      break
    case 'flash':
      state.flashes.push(step.text)
      break
    case 'take':
      state.flashes = state.flashes.filter((text) => !step.shown.includes(text))
      break
    case 'clear':
      data.clear()
      state.flashes = []
      state.user = undefined
      break
    case 'login':
      state.user = step.user
      break
    default:
      break
  }
}
