/**
 * Holds a Node response until its session is stored. The moment something is about to leave, the session is committed;
 * when that takes time, what the handler sends waits in order, and for everybody else the response looks as if it had
 * been sent. Nothing is unwrapped afterwards, so other wrappers may stand below and above: calls pass by state.
 *
 * It cannot see what goes around `writeHead`, `write`, `end` and `flushHeaders`: a raw socket, an HTTP/2 stream, or
 * references to those methods that were taken before the session was asked for. Informational responses pass.
 *
 * @module
 */

import { EventEmitter } from 'node:events'
import { UNTOUCHED } from '../../core/commit-headers.ts'
import type { HeaderPatch } from '../../core/headers.ts'
import type { MaybePromise } from '../../core/maybe-promise.ts'
import type { Commit } from '../../core/scope.ts'
import { StateError } from '../../errors.ts'
import {
  type Held,
  HOLD,
  Hold,
  type Holder,
  type Listener,
  type Method,
  methodsOf,
  type Outlet,
  type Source,
} from './hold.ts'
import { headersSent, lookSent } from './look-sent.ts'
import { applyHead, mergeHeaders, type NodeResponse } from './node-headers.ts'

/** Commits `holder` before the first byte of the response leaves. Several holders share one hold. */
export function holdResponse(response: NodeResponse, holder: Holder): void {
  const hold = (response as Partial<Held>)[HOLD]
  if (hold === undefined) install(response as Held, new Hold(response, holder))
  else if (hold.state === 'open') hold.holders.push(holder)
  else hold.reopen(holder)
}

/** Each method by its name: V8 has no fast way to properties whose names come from a loop. */
function install(response: Held, hold: Hold): void {
  const methods = methodsOf(response)
  response[HOLD] = hold
  methods.writeHead = outlets.writeHead
  methods.write = outlets.write
  methods.end = outlets.end
  methods.flushHeaders = outlets.flushHeaders
  // Compressing wrappers move `drain` listeners to their own stream, where we cannot reach them.
  if (response.on !== EventEmitter.prototype.on) {
    hold.on = methods.on
    methods.on = methods.addListener = on as Method
  }
  response.on('pipe', onPipe)
}

const outlets: Record<Outlet, Method> = {
  writeHead(...args) {
    return pass(this as Held, 'writeHead', args)
  },
  write(...args) {
    return pass(this as Held, 'write', args)
  },
  end(...args) {
    return pass(this as Held, 'end', args)
  },
  flushHeaders(...args) {
    return pass(this as Held, 'flushHeaders', args)
  },
}

function pass(response: Held, name: Outlet, args: readonly unknown[]): unknown {
  const hold = response[HOLD]
  let rest = args
  if (hold.state === 'open') {
    if (name === 'writeHead') {
      // At once, as Node would, so that a header that Node refuses is the caller's error.
      applyHead(response, args)
      rest = [response.statusCode]
    }
    commit(response, hold)
  } else if (hold.state === 'held' && name === 'writeHead') {
    // Older wrappers call it before each write when they find no header made yet; anybody else is too late.
    if (args.length > 1) throw headersSent()
    return response
  }
  if (hold.state === 'held') return enqueue(response, hold, name, rest)
  // The handler whose response was dropped may still be sending: the error page has taken its place.
  if (hold.state === 'failed' && response.writableEnded) return enqueue(response, hold, name, rest)
  return Reflect.apply(hold[name], response, rest)
}

/** What became of a holder's commit: its headers, or, with none, why it failed. */
interface Outcome {
  readonly holder: Holder
  readonly patch: HeaderPatch
  readonly failure?: { readonly error: unknown }
}

function commit(response: Held, hold: Hold): void {
  const late = response.headersSent
  const outcomes = hold.holders.map((holder) => outcomeOf(holder, late))
  if (!outcomes.some((outcome) => outcome instanceof Promise)) {
    hold.state = 'free'
    for (const { patch } of outcomes as Outcome[]) mergeHeaders(response, patch)
    return
  }
  hold.state = 'held'
  hold.status = response.statusCode
  lookSent(response, hold)
  void Promise.all(outcomes).then((settled) => settle(response, hold, settled))
}

/** Never rejects. A holder that fails at once makes the response wait, too. */
function outcomeOf(holder: Holder, late: boolean): MaybePromise<Outcome> {
  const failed = (error: unknown): Outcome => ({ holder, patch: [], failure: { error } })
  const committed = ({ headers }: Commit): Outcome => {
    const patch = late ? ofLate(headers) : headers
    return patch === undefined ? failed(tooLate()) : { holder, patch }
  }
  try {
    const done = holder.commit()
    if (done instanceof Promise) return done.then(committed, failed)
    const outcome = committed(done)
    return outcome.failure === undefined ? outcome : Promise.resolve(outcome)
  } catch (error) {
    return Promise.resolve(failed(error))
  }
}

/** What can be left out where the headers have left by a way around the hold; undefined: a cookie cannot. */
function ofLate(patch: HeaderPatch): HeaderPatch | undefined {
  return patch.some(([name]) => name === 'set-cookie') ? undefined : []
}

function tooLate(): StateError {
  return new StateError(
    'The session needs a cookie, and the response headers have left already. Write the session before answering, and answer with the methods of the response.',
  )
}

function enqueue(response: Held, hold: Hold, name: Outlet, args: readonly unknown[]): unknown {
  if (hold.state === 'failed') drop([[name, args]], dropped())
  else hold.queue.push([name, args])
  if (name === 'end') hold.ended = true
  if (name !== 'write') return name === 'flushHeaders' ? undefined : response
  hold.needDrain = true
  return false
}

function settle(response: Held, hold: Hold, outcomes: readonly Outcome[]): void {
  const { queue } = hold
  hold.queue = []
  hold.state = 'free'
  const patches = outcomes.flatMap(({ patch }) => patch)
  const failed = outcomes.find(({ failure }) => failure !== undefined)
  if (failed?.failure !== undefined) {
    const { holder, failure } = failed
    fail(response, hold, { queue, patches, holder, error: failure.error })
  } else if (isGone(response)) drop(queue, dropped())
  else release(response, hold, queue, patches)
}

function release(response: Held, hold: Hold, queue: Hold['queue'], patches: HeaderPatch): void {
  try {
    if (!response.headersSent) response.statusCode = hold.status
    if (patches.length > 0) mergeHeaders(response, patches)
    let clear = true
    for (const [name, args] of queue) clear = Reflect.apply(hold[name], response, args) !== false
    if (hold.needDrain && clear && !hold.ended) process.nextTick(drain, response, hold)
  } catch (error) {
    fail(response, hold, { queue: [], patches, holder: hold.holders[0], error })
  }
}

interface Failure {
  readonly queue: Hold['queue']
  /** Of those that were committed. */
  readonly patches: HeaderPatch
  readonly holder: Holder | undefined
  readonly error: unknown
}

function fail(response: Held, hold: Hold, { queue, patches, holder, error }: Failure): void {
  hold.state = 'failed'
  drop(queue, error)
  for (const source of hold.sources) source.unpipe(response)
  try {
    if (!response.headersSent) {
      for (const name of response.getHeaderNames()) response.removeHeader(name)
      for (const [name, value] of Object.entries(hold.headers)) {
        if (value !== undefined) response.setHeader(name, value)
      }
      response.statusCode = 200
      // HTTP/2 has none, and warns of it.
      if (!('stream' in response)) response.statusMessage = ''
      mergeHeaders(response, [...patches, ...UNTOUCHED.headers])
    }
    holder?.fail(error)
  } catch (second) {
    response.destroy(second as Error)
  }
}

function drop(queue: Hold['queue'], error: unknown): void {
  for (const [, args] of queue) {
    const callback = args.at(-1)
    if (typeof callback === 'function') process.nextTick(callback as Listener, error)
  }
}

function drain(response: Held, hold: Hold): void {
  response.emit('drain')
  for (const listener of hold.strays.splice(0)) listener.call(response)
}

function on(this: Held, event: unknown, listener: Listener): unknown {
  const hold = this[HOLD]
  const before = event === 'drain' ? this.listenerCount(event) : 0
  const result = hold.on?.call(this, event, listener)
  if (event === 'drain' && hold.state !== 'free' && this.listenerCount(event) === before) {
    hold.strays.push(listener)
  }
  return result
}

function onPipe(this: NodeResponse, source: Source): void {
  const { state, sources } = (this as Held)[HOLD]
  if (state === 'open' || state === 'held') sources.push(source)
}

function isGone(response: NodeResponse): boolean {
  const { destroyed, stream, socket } = response as {
    readonly destroyed?: boolean
    readonly stream?: { readonly destroyed: boolean }
    readonly socket?: { readonly destroyed: boolean } | null
  }
  return (destroyed ?? stream?.destroyed ?? false) || socket?.destroyed === true
}

function dropped(): Error {
  return Object.assign(new Error('The response was dropped before it could leave'), {
    code: 'ERR_STREAM_DESTROYED',
  })
}
