/**
 * The connection to one Memcached server. Commands go out at once and are answered in order; each carries a number that
 * its reply has to repeat, so that no command is ever given the reply to another. Nothing is sent twice.
 */

import { connect as connectTcp, isIP, type Socket } from 'node:net'
import { performance } from 'node:perf_hooks'
import { clearTimeout, setImmediate, setTimeout } from 'node:timers'
import { type ConnectionOptions, connect as connectTls } from 'node:tls'
import { ABORTED, type Failure, storeError } from '../shared/failure.ts'
import {
  lineOf,
  type MetaCommand,
  type MetaReply,
  onlyReads,
  ProtocolError,
  replyParser,
  tokenOf,
} from './protocol.ts'
import type { ServerAddress } from './servers.ts'

/** What the transport's options come to, with time limits in ms. */
export interface ConnectionSettings {
  readonly tls: ConnectionOptions | undefined
  /** User name and password, with a space between them. Undefined: there are none. */
  readonly credentials: string | undefined
  readonly connectTimeout: number
  readonly timeout: number
}

/** Why a connection cannot be used. Whether a command was sent depends on the command. */
type Loss = Pick<Failure, 'what' | 'retriable' | 'cause'>

const CLOSED: Loss = lossOf('the transport is closed', false)
const ENDED: Loss = lossOf('the server closed the connection')
const NOT_SPOKEN = 'the server does not speak the protocol'

interface Request {
  readonly command: MetaCommand
  readonly number: string
  onReply(reply: MetaReply): void
  onFailure(loss: Loss, sent: boolean): void
  /** Stops listening to the signal, before the request is sent or fails. */
  stopListening(): void
}

/** The cheapest command of the meta protocol. */
const GREETING = 'mn\r\n'
/** In ms. */
const KEEP_ALIVE = 30_000
const FIRST_PAUSE = 50
const LONGEST_PAUSE = 1_000

/** Has one socket at a time, which a command opens. It does not keep the process alive while no reply is due. */
export class Connection {
  /** The name of the server. */
  readonly name: string
  readonly #server: ServerAddress
  readonly #settings: ConnectionSettings
  /** Requests that wait for the greeting, and those that were sent, in order. */
  readonly #waiting = new Set<Request>()
  readonly #due: Request[] = []
  #socket: Socket | undefined
  #isReady = false
  #passwordSent = false
  #timer: ReturnType<typeof setTimeout> | undefined
  // A random start, so that a reply is detected which a proxy delivered to the wrong connection.
  #lastNumber = Math.floor(Math.random() * 2 ** 32)
  #replies = 0
  /** Sockets lost since the last reply. */
  #failures = 0
  #lastLoss = CLOSED
  #pauseEnds = 0
  #closing: Promise<void> | undefined
  #onClosed = () => {}

  constructor(server: ServerAddress, settings: ConnectionSettings) {
    this.name = server.name
    this.#server = server
    this.#settings = settings
  }

  /** Resolves to the reply, also to one that refuses; rejects with a `StoreError` when there is none. */
  send(command: MetaCommand, operation: string, signal?: AbortSignal): Promise<MetaReply> {
    return new Promise((onReply, reject) => {
      const onAbort = () => {
        this.#waiting.delete(request)
        request.onFailure(ABORTED, false)
      }
      const request: Request = {
        command,
        number: (++this.#lastNumber).toString(36),
        onReply,
        onFailure: (loss, sent) => {
          const failure = { ...loss, sent, done: onlyReads(command) ? false : undefined } as const
          reject(storeError(`Memcached at ${this.name}`, operation, failure))
        },
        stopListening: () => signal?.removeEventListener('abort', onAbort),
      }
      const isPaused = this.#socket === undefined && performance.now() < this.#pauseEnds
      if (this.#closing !== undefined) request.onFailure(CLOSED, false)
      else if (signal?.aborted) request.onFailure(ABORTED, false)
      else if (this.#isReady) this.#write(request)
      else if (isPaused) request.onFailure(this.#lastLoss, false)
      else {
        this.#socket ??= this.#open()
        this.#waiting.add(request)
        signal?.addEventListener('abort', onAbort, { once: true })
      }
    })
  }

  /** Takes no more requests, and closes the socket after the replies that are due. */
  close(): Promise<void> {
    this.#closing ??= new Promise((resolve) => {
      this.#onClosed = resolve
      if (this.#socket === undefined) resolve()
      else if (this.#due.length === 0) this.#lose(CLOSED)
    })
    return this.#closing
  }

  #open(): Socket {
    const { host, port } = this.#server
    const { tls, connectTimeout } = this.#settings
    const socket = tls
      ? connectTls({ ...(isIP(host) === 0 && { servername: host }), ...tls, host, port })
      : connectTcp({ host, port })
    const parse = replyParser((reply) => {
      if (this.#socket !== socket) return
      if (this.#isReady) this.#receive(reply)
      else this.#greet(reply, socket)
    })
    const lose = (loss: Loss) => {
      if (this.#socket === socket) this.#lose(loss)
    }
    socket.setNoDelay(true).setKeepAlive(true, KEEP_ALIVE)
    socket.on(tls ? 'secureConnect' : 'connect', () => socket.write(GREETING))
    socket.on('error', (error) => lose(socketFailure(error)))
    socket.on('end', () => lose(ENDED))
    socket.on('close', () => lose(ENDED))
    socket.on('data', (chunk: Uint8Array) => {
      try {
        parse(chunk)
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error
        lose(lossOf(`${NOT_SPOKEN}: ${error.message}`))
      }
    })
    this.#passwordSent = false
    const late = lossOf(`the server did not connect within ${connectTimeout} ms`)
    this.#timer = setTimeout(() => lose(late), connectTimeout)
    return socket
  }

  #greet({ code }: MetaReply, socket: Socket): void {
    const { credentials, timeout } = this.#settings
    if (code === 'STORED' && this.#passwordSent) return
    if (code === 'CLIENT_ERROR' && credentials !== undefined && !this.#passwordSent) {
      // Sent only to a server that requires it: another one would store the password as a record.
      this.#passwordSent = true
      socket.write(`set auth 0 0 ${credentials.length}\r\n${credentials}\r\n${GREETING}`)
    } else if (code === 'MN') {
      this.#isReady = true
      clearTimeout(this.#timer)
      this.#timer = setTimeout(() => this.#checkReplies(socket), timeout).unref()
      socket.unref()
      for (const request of this.#waiting) {
        request.stopListening()
        this.#write(request)
      }
      this.#waiting.clear()
    } else {
      this.#lose(greetingFailure(code, this.#passwordSent))
    }
  }

  #checkReplies(socket: Socket): void {
    const before = this.#replies
    // Replies that arrived while the process was busy are read after the timers and before this callback.
    setImmediate(() => {
      if (this.#socket !== socket || this.#due.length === 0 || this.#replies !== before) return
      this.#lose(lossOf(`the server did not answer within ${this.#settings.timeout} ms`))
    })
  }

  #write(request: Request): void {
    const socket = this.#socket as Socket
    if (this.#due.push(request) === 1) {
      socket.ref()
      this.#timer?.refresh()
    }
    const { command, number } = request
    socket.cork()
    socket.write(lineOf(command, number), 'latin1')
    if (command.value !== undefined) {
      socket.write(command.value)
      socket.write('\r\n')
    }
    socket.uncork()
  }

  #receive(reply: MetaReply): void {
    const [request] = this.#due
    const isRefusal = reply.code.endsWith('ERROR')
    if (request === undefined || !(isRefusal || tokenOf(reply, 'O') === request.number)) {
      throw new ProtocolError('a reply does not belong to the command that was sent')
    }
    this.#due.shift()
    this.#replies++
    this.#timer?.refresh()
    request.onReply(reply)
    // The server may have read a command that it did not understand as several, or as none.
    if (isRefusal && reply.code !== 'SERVER_ERROR') {
      throw new ProtocolError('the server did not understand a command')
    }
    this.#failures = 0
    if (this.#due.length > 0) return
    this.#socket?.unref()
    if (this.#closing !== undefined) this.#lose(CLOSED)
  }

  #lose(loss: Loss): void {
    clearTimeout(this.#timer)
    this.#socket?.destroy()
    this.#socket = undefined
    this.#isReady = false
    this.#lastLoss = loss
    // The first attempt comes at once: a server that was restarted has closed the connections it had.
    if (this.#failures > 0) this.#pauseEnds = performance.now() + pauseAfter(this.#failures)
    this.#failures++
    for (const request of this.#due.splice(0)) request.onFailure(loss, true)
    for (const request of this.#waiting) {
      request.stopListening()
      request.onFailure(loss, false)
    }
    this.#waiting.clear()
    this.#onClosed()
  }
}

/** The pause doubles up to a second. Half of it is random, so that processes do not come back together. */
function pauseAfter(failures: number): number {
  const pause = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (failures - 1))
  return pause * (0.5 + Math.random() / 2)
}

function lossOf(what: string, retriable = true): Loss {
  return { what, retriable }
}

function socketFailure(cause: Error): Loss {
  const { code = 'the connection broke' } = cause as NodeJS.ErrnoException
  return { what: code, retriable: !/CERT|SSL|TLS|SIGNATURE/.test(code), cause }
}

/** The server did not answer the greeting with `MN`. */
function greetingFailure(code: MetaReply['code'], passwordSent: boolean): Loss {
  const old = 'the server does not know the meta commands. Install Memcached 1.6 or later'
  if (code === 'ERROR') return lossOf(old, false)
  if (code === 'SERVER_ERROR') return lossOf('the server refused the connection')
  if (code !== 'CLIENT_ERROR') return lossOf(`${NOT_SPOKEN}: an unexpected greeting`)
  return passwordSent
    ? lossOf('the server refused the credentials', false)
    : lossOf('the server requires a password. Set username and password', false)
}
