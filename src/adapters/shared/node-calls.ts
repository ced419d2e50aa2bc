/**
 * What Node does with the calls on a response that a gate takes in its place: the errors of wrong arguments, the arguments
 * of `writeHead`, and a body that fails before it is sent.
 *
 * @module
 */

import { type IncomingMessage, ServerResponse } from 'node:http'
import { type HeaderValue, linesOf, type NodeResponse } from './headers.ts'

/** A method that sends something. */
export type Sender = 'writeHead' | 'write' | 'end' | 'flushHeaders'

/**
 * Throws the error of Node for a call with a wrong chunk, or one that would send a wrong status.
 *
 * @param begins The call would send the headers.
 */
export function checkCall(
  response: NodeResponse,
  name: Sender,
  args: readonly unknown[],
  begins: boolean,
): void {
  const [first, second] = args
  const isHead = name === 'writeHead'
  const isChunk =
    name === 'write' || (name === 'end' && Boolean(first) && typeof first !== 'function')
  const status = Number(isHead ? first : response.statusCode)
  // HTTP/2 has no status message, and reading one gives a warning.
  const ownMessage = 'stream' in response ? '' : response.statusMessage
  const message = isHead && typeof second === 'string' ? second : ownMessage
  const isRight = !isChunk || typeof first === 'string' || first instanceof Uint8Array
  const isHeadRight = !begins || (status >= 100 && status <= 999 && !message)
  if (isRight && isHeadRight) return
  // Node's own check, on a response that leads nowhere.
  const probe = new ServerResponse({ method: 'GET' } as IncomingMessage)
  if (begins) {
    probe.statusCode = response.statusCode
    probe.statusMessage = ownMessage
  }
  Reflect.apply(probe[name], probe, isHead ? args : isChunk ? [first] : [])
}

/** The error that Node throws when headers change too late. */
export function headersSent(action: string): Error {
  const message = `Cannot ${action} headers after they are sent to the client`
  return nodeError(message, 'ERR_HTTP_HEADERS_SENT')
}

/** The error of a write that was not sent. */
export function streamDestroyed(): Error {
  return nodeError('The response was dropped before it was sent', 'ERR_STREAM_DESTROYED')
}

function nodeError(message: string, code: string): Error {
  return Object.assign(new Error(message), { code })
}

/** Sets status and headers as `writeHead` would, and leaves the response open for more headers. */
export function applyHead(response: NodeResponse, args: readonly unknown[]): void {
  const [status, reason] = args
  const headers = typeof reason === 'string' ? args[2] : (args[2] ?? reason)
  if (Array.isArray(headers)) applyList(response, headers)
  else if (typeof headers === 'object' && headers !== null) {
    for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
  }
  response.statusCode = Number(status)
  if (typeof reason === 'string') response.statusMessage = reason
}

/** Node accepts names and values in one list, or pairs. A name that is there twice gives two lines. */
function applyList(response: NodeResponse, list: readonly unknown[]): void {
  const flat: readonly unknown[] = Array.isArray(list[0]) ? list.flat(1) : list
  const lines = new Map<string, { readonly name: string; readonly values: string[] }>()
  for (let at = 0; at < flat.length; at += 2) {
    const name = String(flat[at])
    const key = name.toLowerCase()
    const line = lines.get(key) ?? { name, values: [] }
    lines.set(key, line)
    line.values.push(...linesOf(flat[at + 1] as HeaderValue))
  }
  for (const { name, values } of lines.values()) {
    const [only] = values
    response.setHeader(name, values.length === 1 && only !== undefined ? only : values)
  }
}

/**
 * Listens to a stream that waits for a commit before it is read, so that its error is no uncaught exception.
 *
 * @returns Has the `failure` once the stream has failed. Undefined: it is no stream of Node.
 */
export function watchBody(
  body: unknown,
): { readonly failure?: { readonly error: unknown } } | undefined {
  const { pipe, on } = Object(body) as { readonly pipe?: unknown; readonly on?: unknown }
  if (typeof pipe !== 'function' || typeof on !== 'function') return undefined
  const watched: { failure?: { readonly error: unknown } } = {}
  Reflect.apply(on, body, ['error', (error: unknown) => (watched.failure ??= { error })])
  return watched
}
