/**
 * One socket to a Memcached server, from connect to close. Commands go out at once and are answered in order; each
 * carries a number that its reply has to repeat, so that no command is ever given the reply to another.
 *
 * @module
 */

import { Buffer } from 'node:buffer'
import { connect as connectTcp, isIP } from 'node:net'
import { clearTimeout, setImmediate, setTimeout } from 'node:timers'
import { type ConnectionOptions, connect as connectTls } from 'node:tls'
import type { Failure } from '../shared/failure.ts'
import {
  lineOf,
  type MetaCommand,
  type MetaReply,
  ProtocolError,
  replyParser,
  tokenOf,
} from './protocol.ts'
import type { ServerAddress } from './servers.ts'

/** Why a connection cannot be used. Whether a command was sent depends on the command. */
export type Loss = Pick<Failure, 'what' | 'retriable' | 'cause'>

/** After `close`. */
export const CLOSED: Loss = { what: 'the transport is closed', retriable: false }
/** The server ended the connection. */
const ENDED: Loss = { what: 'the server closed the connection', retriable: true }

export interface LinkSettings {
  readonly server: ServerAddress
  readonly tls: ConnectionOptions | undefined
  readonly credentials: { readonly username: string; readonly password: string } | undefined
  /** Time limit for connecting and for the server's greeting, in ms. */
  readonly connectTimeout: number
  /** Time limit without any reply while one is due, in ms. */
  readonly timeout: number
}

/** A command and the callback for its reply. */
export interface Request {
  readonly command: MetaCommand
  onReply(reply: MetaReply): void
}

export interface LinkEvents {
  /** The server has greeted. */
  onReady(): void
  /** A reply arrived. */
  onReply(): void
  /** Called once, as the last event, with the requests that were sent and not answered. */
  onLost(loss: Loss, unanswered: readonly Request[]): void
}

export interface Link {
  readonly isReady: boolean
  /** Whether no reply is due. */
  readonly isIdle: boolean
  /** Sends a request. Only when the link is ready. */
  send(request: Request): void
  /** Closes the socket. */
  destroy(loss: Loss): void
}

/** The cheapest command of the meta protocol. */
const GREETING = 'mn\r\n'
const KEEP_ALIVE = 30_000

/** Opens a socket. It does not keep the process alive while no reply is due. */
export function openLink(settings: LinkSettings, events: LinkEvents): Link {
  const { server, tls, credentials, connectTimeout, timeout } = settings
  const { host, port } = server
  const due: { readonly request: Request; readonly number: string }[] = []
  let state: 'greeting' | 'ready' | 'lost' = 'greeting'
  let passwordSent = false
  // A random start, so that a reply is detected which a proxy delivered to the wrong connection.
  let lastNumber = Math.floor(Math.random() * 2 ** 32)
  let replies = 0
  let timer = setTimeout(() => destroy(timedOut('connect', connectTimeout)), connectTimeout)

  const socket = tls
    ? connectTls({ ...(isIP(host) === 0 && { servername: host }), ...tls, host, port })
    : connectTcp({ host, port })
  socket.setNoDelay(true).setKeepAlive(true, KEEP_ALIVE)
  socket.on(tls ? 'secureConnect' : 'connect', () => socket.write(GREETING))
  socket.on('data', read)
  socket.on('error', (error) => destroy(socketFailure(error)))
  socket.on('end', () => destroy(ENDED))
  socket.on('close', () => destroy(ENDED))

  const parse = replyParser((reply) => {
    if (state === 'greeting') greet(reply)
    else if (state === 'ready') receive(reply)
  })

  function read(chunk: Uint8Array): void {
    if (state === 'lost') return
    try {
      parse(chunk)
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error
      destroy(invalidReply(error.message))
    }
  }

  function greet(reply: MetaReply): void {
    if (reply.code === 'STORED' && passwordSent) return
    if (reply.code === 'CLIENT_ERROR' && credentials !== undefined && !passwordSent) {
      // Sent only to a server that requires it: another one would store the password as a record.
      passwordSent = true
      const words = Buffer.from(`${credentials.username} ${credentials.password}`)
      socket.write(`set auth 0 0 ${words.length}\r\n${words}\r\n${GREETING}`)
    } else if (reply.code === 'MN') {
      state = 'ready'
      clearTimeout(timer)
      timer = setTimeout(checkReplies, timeout).unref()
      socket.unref()
      events.onReady()
    } else {
      destroy(greetingFailure(reply, passwordSent))
    }
  }

  function checkReplies(): void {
    const before = replies
    // Replies that arrived while the process was busy are read after the timers and before this callback.
    setImmediate(() => {
      if (due.length > 0 && replies === before) destroy(timedOut('answer', timeout))
    })
  }

  function send(request: Request): void {
    const number = (++lastNumber).toString(36)
    if (due.push({ request, number }) === 1) {
      socket.ref()
      timer.refresh()
    }
    const { value } = request.command
    if (value === undefined) {
      socket.write(lineOf(request.command, number), 'latin1')
      return
    }
    socket.cork()
    socket.write(lineOf(request.command, number), 'latin1')
    socket.write(value)
    socket.write('\r\n')
    socket.uncork()
  }

  function receive(reply: MetaReply): void {
    const { request, number } = due[0] ?? {}
    const isRefusal = reply.code.endsWith('ERROR')
    if (request === undefined || !(isRefusal || tokenOf(reply, 'O') === number)) {
      throw new ProtocolError('a reply does not belong to the command that was sent')
    }
    due.shift()
    replies++
    timer.refresh()
    if (due.length === 0) socket.unref()
    request.onReply(reply)
    // The server may have read a command that it did not understand as several, or as none.
    if (isRefusal && reply.code !== 'SERVER_ERROR') {
      throw new ProtocolError('the server did not understand a command')
    }
    events.onReply()
  }

  function destroy(loss: Loss): void {
    if (state === 'lost') return
    state = 'lost'
    clearTimeout(timer)
    socket.destroy()
    events.onLost(
      loss,
      due.splice(0).map(({ request }) => request),
    )
  }

  return {
    get isReady() {
      return state === 'ready'
    },
    get isIdle() {
      return due.length === 0
    },
    send,
    destroy,
  }
}

function invalidReply(what: string): Loss {
  return { what: `the server does not speak the protocol: ${what}`, retriable: true }
}

function timedOut(what: string, limit: number): Loss {
  return { what: `the server did not ${what} within ${limit} ms`, retriable: true }
}

function socketFailure(cause: Error): Loss {
  const { code = 'the connection broke' } = cause as NodeJS.ErrnoException
  return { what: code, retriable: !/CERT|SSL|TLS|SIGNATURE/.test(code), cause }
}

/** The server did not answer the greeting with `MN`. */
function greetingFailure({ code }: MetaReply, passwordSent: boolean): Loss {
  if (code === 'ERROR') {
    const what = 'the server does not know the meta commands. Install Memcached 1.6 or later'
    return { what, retriable: false }
  }
  if (code === 'CLIENT_ERROR') {
    const what = passwordSent
      ? 'the server refused the credentials'
      : 'the server requires a password. Set username and password'
    return { what, retriable: false }
  }
  if (code === 'SERVER_ERROR') return { what: 'the server refused the connection', retriable: true }
  return invalidReply('an unexpected greeting')
}
