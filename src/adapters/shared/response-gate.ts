/**
 * Holds a Node response until its session is stored. The first call that would send something commits the session. While
 * that takes time, later calls wait in order, and `headersSent` and its like are true. `destroy` waits, too, also that of
 * the connection: code that finds the headers sent ends the connection on an error, and the answer would be lost. The
 * patched methods stay and delegate by state, so other middleware may patch the response before or after.
 *
 * The gate does not see what bypasses `writeHead`, `write`, `end` and `flushHeaders`: a raw socket, an HTTP/2 stream, or
 * references to those methods from before the session was first asked for. Informational responses (1xx) pass.
 *
 * @module
 */

import { EventEmitter } from 'node:events'
import type { Socket } from 'node:net'
import { type Commit, type HeaderPatch, UNTOUCHED } from '../../core/commit-headers.ts'
import type { MaybePromise } from '../../core/store.ts'
import { mergeHeaders, type NodeResponse, setsCookie, tooLate } from './headers.ts'
import { applyHead, checkCall, headersSent, type Sender, streamDestroyed } from './node-calls.ts'

/** Commits a session before its response leaves. */
export interface Committer {
  /** A promise holds the response. A failure drops it. */
  commit(): MaybePromise<Commit>
  /** Answers in place of a dropped response. Where headers have left already, it can only end the connection. */
  fail(error: unknown): void
}

type HeaderSetter = 'setHeader' | 'appendHeader' | 'removeHeader'
type Method = (this: unknown, ...args: readonly unknown[]) => unknown
type Methods = Record<Sender | HeaderSetter | 'destroy' | 'on' | 'addListener', Method>
type Listener = (this: unknown, ...args: unknown[]) => void
type Call = readonly [name: Sender | 'destroy', args: readonly unknown[]]

/** A stream that is piped into a response. */
interface Source {
  unpipe(destination: unknown): unknown
}

/** The result of one commit. With a failure there are no headers. */
interface Outcome {
  readonly committer: Committer
  readonly patch: HeaderPatch
  readonly failure?: { readonly error: unknown }
}

const GATE: unique symbol = Symbol('vial.gate')
type Gated = NodeResponse & { [GATE]: ResponseGate }
/** A connection, with the gate of the response that it sends. */
type GatedSocket = Socket & { [GATE]?: ResponseGate | undefined }

/** The gate of one response. */
export class ResponseGate {
  readonly #response: Gated
  /** `ready`: nothing was sent yet. `held`: a commit is under way. `failed`: an error page takes the place. */
  #state: 'ready' | 'held' | 'released' | 'failed' = 'ready'
  #committers: Committer[]
  /** The headers of the response when the session was first asked for. */
  readonly #headers: ReturnType<NodeResponse['getHeaders']>
  /** The methods before they were patched: Node's, or those of other middleware. */
  readonly #senders: Record<Sender | 'destroy', Method>
  /** Absent until the response is first held. */
  #setters: Record<HeaderSetter, Method> | undefined
  /** Absent where `on` is Node's own. */
  #on: Method | undefined
  readonly #sources: Source[] = []
  #queue: Call[] = []
  #status = 200
  #ended = false
  /** `destroy` waits for its turn, and nothing is sent after it. */
  #destroyed = false
  #needDrain = false
  /** Listeners for `drain` that other middleware moved to its own stream. */
  readonly #drainListeners: Listener[] = []

  private constructor(response: Gated, committer: Committer) {
    this.#response = response
    this.#committers = [committer]
    this.#headers = response.getHeaders()
    const methods = methodsOf(response)
    const { writeHead, write, end, flushHeaders, destroy } = methods
    this.#senders = { writeHead, write, end, flushHeaders, destroy }
    response[GATE] = this
    // Each by its name: V8 has no fast way to properties whose names come from a loop.
    methods.writeHead = patched.writeHead
    methods.write = patched.write
    methods.end = patched.end
    methods.flushHeaders = patched.flushHeaders
    // Compressing middleware moves `drain` listeners to its own stream, where the gate cannot reach them.
    if (response.on !== EventEmitter.prototype.on) {
      this.#on = methods.on
      methods.on = methods.addListener = patched.on
    }
    response.on('pipe', onPipe)
  }

  /** Commits before the first byte of the response leaves. Several committers of one response share its gate. */
  static add(response: NodeResponse, committer: Committer): void {
    const gate = (response as Partial<Gated>)[GATE]
    if (gate === undefined) new ResponseGate(response as Gated, committer)
    else if (gate.#state === 'ready') gate.#committers.push(committer)
    else gate.#reopen(committer)
  }

  /** Prepares for the error page of a dropped response, which may have a session of its own. */
  #reopen(committer: Committer): void {
    this.#state = 'ready'
    this.#committers = [committer]
    this.#ended = false
    this.#needDrain = false
  }

  get isHeld(): boolean {
    return this.#state === 'held'
  }

  get hasEnded(): boolean {
    return this.isHeld && this.#ended
  }

  get needsDrain(): boolean {
    return this.isHeld && this.#needDrain
  }

  /** Runs, queues or drops a call that sends something. */
  send(name: Sender, args: readonly unknown[]): unknown {
    const response = this.#response
    let rest = args
    if (this.#state === 'ready') {
      checkCall(response, name, args, !response.headersSent)
      if (name === 'writeHead') {
        // At once, so that a header that Node refuses is an error of the caller.
        applyHead(response, args)
        rest = [response.statusCode]
      }
      this.#commit()
    } else if (this.isHeld && name === 'writeHead') {
      // Older middleware calls it before each write while no header was sent. Other callers are too late.
      if (args.length > 1) throw headersSent('write')
      return response
    } else if (this.isHeld) checkCall(response, name, args, false)
    if (this.isHeld) return this.#enqueue(name, rest)
    // The handler of a dropped response may go on sending after the error page.
    if (this.#state === 'failed' && response.writableEnded) return this.#enqueue(name, rest)
    return Reflect.apply(this.#senders[name], response, rest)
  }

  /** Ends the connection, after what was sent before. */
  destroy(args: readonly unknown[]): unknown {
    if (!this.isHeld) return Reflect.apply(this.#senders.destroy, this.#response, args)
    if (!this.#destroyed) this.#queue.push(['destroy', args])
    this.#destroyed = true
    return this.#response
  }

  /** Runs a call that changes headers, unless the response is held. */
  change(name: HeaderSetter, args: readonly unknown[]): unknown {
    if (this.isHeld) throw headersSent(name.replace('Header', ''))
    return this.#setters && Reflect.apply(this.#setters[name], this.#response, args)
  }

  /** Adds a listener, and keeps one for `drain` that did not reach the response. */
  listen(event: unknown, listener: Listener): unknown {
    const response = this.#response
    const before = event === 'drain' ? response.listenerCount(event) : 0
    const result = this.#on?.call(response, event, listener)
    if (
      event === 'drain' &&
      this.#state !== 'released' &&
      response.listenerCount(event) === before
    ) {
      this.#drainListeners.push(listener)
    }
    return result
  }

  /** Notes a piped stream, so that a failure can unpipe it. */
  addSource(source: Source): void {
    if (this.#state === 'ready' || this.isHeld) this.#sources.push(source)
  }

  #commit(): void {
    const late = this.#response.headersSent
    const outcomes = this.#committers.map((committer) => outcomeOf(committer, late))
    if (!outcomes.some((outcome) => outcome instanceof Promise)) {
      this.#state = 'released'
      for (const { patch } of outcomes as Outcome[]) mergeHeaders(this.#response, patch)
      return
    }
    this.#state = 'held'
    this.#status = this.#response.statusCode
    this.#appearSent()
    void Promise.all(outcomes).then((settled) => this.#settle(settled))
  }

  /** Makes the response appear sent for as long as it is held. */
  #appearSent(): void {
    if (this.#setters !== undefined) return
    const methods = methodsOf(this.#response)
    const { setHeader, appendHeader, removeHeader } = methods
    this.#setters = { setHeader, appendHeader, removeHeader }
    methods.setHeader = patched.setHeader
    methods.appendHeader = patched.appendHeader
    methods.removeHeader = patched.removeHeader
    methods.destroy = patched.destroy
    guard(this.#response, this)
    // Each by its name: in a loop, or all at once, V8 takes several times as long.
    Object.defineProperty(this.#response, 'headersSent', getters.headersSent)
    Object.defineProperty(this.#response, 'writableEnded', getters.writableEnded)
    Object.defineProperty(this.#response, 'writableNeedDrain', getters.writableNeedDrain)
    if ('stream' in this.#response) {
      Object.defineProperty(this.#response, 'finished', getters.finished)
    }
  }

  #enqueue(name: Sender, args: readonly unknown[]): unknown {
    if (this.#state === 'failed' || this.#destroyed) drop([[name, args]], streamDestroyed())
    else this.#queue.push([name, args])
    if (name === 'end') {
      this.#ended = true
      this.#appearFinished(true)
    }
    if (name !== 'write') return name === 'flushHeaders' ? undefined : this.#response
    this.#needDrain = true
    return false
  }

  /** In HTTP/1 `finished` is a value of the response, and Node refuses what comes after. */
  #appearFinished(finished: boolean): void {
    if (!('stream' in this.#response)) (this.#response as { finished: boolean }).finished = finished
  }

  #settle(outcomes: readonly Outcome[]): void {
    const queue = this.#queue
    this.#queue = []
    this.#state = 'released'
    this.#destroyed = false
    guard(this.#response, undefined)
    if (this.#ended) this.#appearFinished(false)
    const patches = outcomes.flatMap(({ patch }) => patch)
    const failed = outcomes.find(({ failure }) => failure !== undefined)
    if (failed?.failure !== undefined) {
      drop(queue, failed.failure.error)
      this.#fail(failed.committer, failed.failure.error, patches)
    } else if (isDestroyed(this.#response)) drop(queue, streamDestroyed())
    else this.#release(queue, patches)
  }

  #release(queue: readonly Call[], patches: HeaderPatch): void {
    const response = this.#response
    try {
      if (!response.headersSent) response.statusCode = this.#status
      if (patches.length > 0) mergeHeaders(response, patches)
      let hasRoom = true
      for (const [name, args] of queue) {
        hasRoom = Reflect.apply(this.#senders[name], response, args) !== false
      }
      if (this.#needDrain && hasRoom && !this.#ended) process.nextTick(() => this.#drain())
    } catch (error) {
      this.#fail(this.#committers[0], error, patches)
    }
  }

  #drain(): void {
    this.#response.emit('drain')
    for (const listener of this.#drainListeners.splice(0)) listener.call(this.#response)
  }

  /** Restores the response as it was when the session was first asked for, and lets the committer answer. */
  #fail(committer: Committer | undefined, error: unknown, patches: HeaderPatch): void {
    const response = this.#response
    this.#state = 'failed'
    for (const source of this.#sources) source.unpipe(response)
    try {
      if (!response.headersSent) {
        for (const name of response.getHeaderNames()) response.removeHeader(name)
        for (const [name, value] of Object.entries(this.#headers)) {
          if (value !== undefined) response.setHeader(name, value)
        }
        response.statusCode = 200
        // HTTP/2 has no status message, and setting one gives a warning.
        if (!('stream' in response)) response.statusMessage = ''
        // A session that was stored keeps its cookie: without it, the record would be an orphan.
        mergeHeaders(response, [...patches, ...UNTOUCHED.headers])
      }
      committer?.fail(error)
    } catch (second) {
      response.destroy(second as Error)
    }
  }
}

/** The methods that replace those of a response. All responses share them. */
const patched: Record<Sender | HeaderSetter | 'destroy' | 'on', Method> = {
  writeHead: sender('writeHead'),
  write: sender('write'),
  end: sender('end'),
  flushHeaders: sender('flushHeaders'),
  setHeader: setter('setHeader'),
  appendHeader: setter('appendHeader'),
  removeHeader: setter('removeHeader'),
  destroy(...args) {
    return gateOf(this).destroy(args)
  },
  on(event, listener) {
    return gateOf(this).listen(event, listener as Listener)
  },
}

function sender(name: Sender): Method {
  return function (...args) {
    return gateOf(this).send(name, args)
  }
}

/** Lets `destroy` of the connection wait while there is a gate. What the client or an error causes does not wait. */
function guard(response: NodeResponse, gate: ResponseGate | undefined): void {
  // A connection of HTTP/2 has many responses, and its socket is out of reach.
  const socket: GatedSocket | null = 'stream' in response ? null : response.socket
  if (socket === null) return
  if (!(GATE in socket)) {
    const { destroy } = socket
    socket.destroy = function (this: GatedSocket, error) {
      const held = error === undefined && !this.readableEnded ? this[GATE] : undefined
      if (held === undefined) return destroy.call(this, error)
      held.destroy([])
      return this
    }
  }
  socket[GATE] = gate
}

function setter(name: HeaderSetter): Method {
  return function (...args) {
    return gateOf(this).change(name, args)
  }
}

const getters = {
  headersSent: getter('headersSent', (gate) => gate.isHeld),
  writableEnded: getter('writableEnded', (gate) => gate.hasEnded),
  finished: getter('finished', (gate) => gate.hasEnded),
  writableNeedDrain: getter('writableNeedDrain', (gate) => gate.needsDrain),
}

/** Makes a property that is true while the gate says so, and otherwise the response's own. */
function getter(
  name: string,
  isTrue: (gate: ResponseGate) => boolean,
): PropertyDescriptor & ThisType<Gated> {
  return {
    configurable: true,
    get() {
      return isTrue(gateOf(this)) || Reflect.get(Object.getPrototypeOf(this) as object, name, this)
    },
  }
}

function gateOf(response: unknown): ResponseGate {
  return (response as Gated)[GATE]
}

/** Gives the response as an object whose methods can be replaced. */
function methodsOf(response: NodeResponse): Methods {
  return response as unknown as Methods
}

function onPipe(this: NodeResponse, source: Source): void {
  gateOf(this).addSource(source)
}

/** Never rejects. An immediate failure gives a promise, so that the response is held and can be dropped. */
function outcomeOf(committer: Committer, late: boolean): MaybePromise<Outcome> {
  const failed = (error: unknown): Outcome => ({ committer, patch: [], failure: { error } })
  const committed = ({ headers }: Commit): Outcome => {
    if (!late) return { committer, patch: headers }
    // The headers bypassed the gate. A cookie cannot be left out.
    return setsCookie(headers)
      ? failed(tooLate(', and answer with the methods of the response'))
      : { committer, patch: [] }
  }
  try {
    const commit = committer.commit()
    if (commit instanceof Promise) return commit.then(committed, failed)
    const outcome = committed(commit)
    return outcome.failure === undefined ? outcome : Promise.resolve(outcome)
  } catch (error) {
    return Promise.resolve(failed(error))
  }
}

/** Calls back the writes that are not sent. */
function drop(queue: readonly Call[], error: unknown): void {
  for (const [, args] of queue) {
    const callback = args.at(-1)
    if (typeof callback === 'function') process.nextTick(callback as Listener, error)
  }
}

function isDestroyed(response: NodeResponse): boolean {
  const { destroyed, stream, socket } = response as {
    readonly destroyed?: boolean
    readonly stream?: { readonly destroyed: boolean }
    readonly socket?: { readonly destroyed: boolean } | null
  }
  return (destroyed ?? stream?.destroyed ?? false) || socket?.destroyed === true
}
