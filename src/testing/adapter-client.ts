/**
 * A small browser for the adapter suite: one connection for each request, a cookie jar, and no automatic redirects.
 *
 * @module
 */

import assert from 'node:assert/strict'
import { type IncomingMessage, request as send } from 'node:http'
import { text as textOf } from 'node:stream/consumers'

/** One response. */
export interface ClientResponse {
  readonly status: number
  /** The values of the `Set-Cookie` headers. */
  readonly cookies: readonly string[]
  /** The members of `Vary`, in lower case. */
  readonly vary: readonly string[]
  readonly text: string
  /** Returns the value of a header, several ones joined by `, `; an empty string when it is absent. */
  header(name: string): string
}

/** What a response must have. What is absent here is not checked. */
export interface Expected {
  readonly status?: number
  readonly text?: string
  /** The number of `Set-Cookie` headers. */
  readonly cookies?: number
  /** The members of `Vary`, in lower case, joined by `,`. */
  readonly vary?: string
  readonly cacheControl?: string
  readonly location?: string
}

export interface ClientRequest {
  /** @default 'GET' */
  readonly method?: string
  /** Sent after the server's `100 Continue`, so that its handler is already waiting for it. */
  readonly body?: string
  /** Called when the response headers have arrived, before the body is read. */
  readonly onHeaders?: () => unknown
  /** Ends the connection. */
  readonly signal?: AbortSignal
}

/** One visitor with a browser of their own. */
export class Client {
  readonly #origin: string
  /** Cookies by name. `Secure` cookies are kept over plain http too. */
  readonly jar: Map<string, string>

  /** @param jar The cookies to begin with, which are copied. */
  constructor(origin: string, jar: Iterable<readonly [string, string]> = []) {
    this.#origin = origin
    this.jar = new Map(jar)
  }

  /** Sends a request with the cookies of the jar, and keeps those of the response. Rejects when the connection breaks. */
  async ask(path: string, call: ClientRequest = {}): Promise<ClientResponse> {
    const response = await this.#send(path, call)
    call.onHeaders?.()
    const text = await textOf(response)
    const cookies = response.headers['set-cookie'] ?? []
    for (const line of cookies) this.#keep(line)
    const header = (name: string): string => String(response.headers[name] ?? '')
    const vary =
      header('vary')
        .toLowerCase()
        .match(/[^\s,]+/g) ?? []
    return { status: response.statusCode ?? 0, cookies, vary, text, header }
  }

  /** Sends a request like {@link ask}, and fails unless the response has what is expected. */
  async expect(path: string, expected: Expected, call?: ClientRequest): Promise<ClientResponse> {
    const response = await this.ask(path, call)
    const { status, text, cookies, vary, header } = response
    const [cacheControl, location] = [header('cache-control'), header('location')]
    const all = { status, text, cookies: cookies.length, vary: vary.join(), cacheControl, location }
    const seen = Object.entries(all).filter(([name]) => Object.hasOwn(expected, name))
    assert.deepEqual(Object.fromEntries(seen), expected)
    return response
  }

  #send(path: string, { method = 'GET', body, signal }: ClientRequest): Promise<IncomingMessage> {
    const cookie = [...this.jar].map(([name, value]) => `${name}=${value}`).join('; ')
    return new Promise((resolve, reject) => {
      const request = send(new URL(path, this.#origin), {
        agent: false,
        method,
        headers: {
          ...(cookie !== '' && { cookie }),
          ...(body !== undefined && {
            expect: '100-continue',
            'content-type': 'text/plain',
            'content-length': Buffer.byteLength(body),
          }),
        },
        ...(signal && { signal }),
      })
      request.once('response', resolve).once('error', reject)
      if (body === undefined) request.end()
      else request.once('continue', () => request.end(body)).flushHeaders()
    })
  }

  #keep(line: string): void {
    const [pair = '', ...attributes] = line.split('; ')
    const at = pair.indexOf('=')
    const name = pair.slice(0, at)
    if (attributes.includes('Max-Age=0')) this.jar.delete(name)
    else this.jar.set(name, pair.slice(at + 1))
  }
}
